/** Takes a call: finds the function or service behind it. Every call has one status, and is counted once. */
import type { ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { type FunctionSpec, type GrpcCode, goNameOf, grpcCodes } from "../../contracts/index.ts";
import type { Dispatcher, Log, SendableHead } from "../../dispatch/index.ts";
import type { Nats } from "../../nats/index.ts";
import { maxMessageBody } from "../http/body.ts";
import { clientOf, type IsTrusted } from "../http/forwarded.ts";
import { clientHead, peerOf } from "../http/request-head.ts";
import type { Metrics } from "../metrics.ts";
import type { GatewayTraces } from "../traces/gateway-traces.ts";
import { describeGrpc, endGrpc } from "../traces/grpc-trace.ts";
import type { RequestTrace } from "../traces/request-trace.ts";
import { Answer, stopClient } from "./answer.ts";
import { Call } from "./call.ts";
import { type CallHead, isCall, type NoCall, readCallHead } from "./call-head.ts";
import type { LearnedServices } from "./learned.ts";
import { MessageCall } from "./message-call.ts";
import { beginOwnCall } from "./own-call.ts";
import type { OwnServices } from "./own-services.ts";
import type { GrpcRoutes } from "./routes.ts";
import type { IncomingCall } from "./server.ts";
import { type GrpcStatus, malformed, ownStatus, statusOf } from "./status.ts";

export interface ServeOptions {
  nats: Nats;
  dispatcher: Dispatcher;
  routes(): GrpcRoutes;
  learned: LearnedServices;
  /** The gateway's own services. */
  own: OwnServices;
  specOf(service: string): FunctionSpec | undefined;
  /** Whether routes are still to come: functions are being pushed. */
  isFilling(): boolean;
  isDraining(): boolean;
  isTrusted: IsTrusted;
  /** For services without a spec. */
  defaultTimeoutMs: number;
  /** Upper bound of one message. Default: 16 MiB. */
  maxMessageBytes?: number;
  metrics: Metrics;
  /** Undefined: traces are off. */
  traces: GatewayTraces | undefined;
  log: Log;
}

const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

export function serve(options: ServeOptions, incoming: IncomingCall): void {
  const head = readCallHead(incoming.headers);
  if (!isCall(head) && head.kind === "http") {
    answerHttp(incoming.stream, head);
    return;
  }
  if (!isCall(head) || options.isDraining()) {
    const answer = openAnswer(options, incoming, head, false);
    answer.end(isCall(head) ? statusOf("GATEWAY_DRAINING") : noCallStatus(head));
    return;
  }
  if (options.own.has(head.service)) {
    serveOwn(options, incoming, head);
    return;
  }
  const service = serviceOf(options, head);
  const looking = service === undefined ? options.learned.look() : undefined;
  if (looking === undefined) beginCall(options, incoming, head, service);
  else
    void looking.then(() =>
      incoming.guard(() => beginCall(options, incoming, head, serviceOf(options, head))),
    );
}

function serveOwn(options: ServeOptions, incoming: IncomingCall, head: CallHead): void {
  const answer = openAnswer(options, incoming, head, true);
  const method = options.own.method(head.path);
  if (method !== undefined) beginOwnCall(method, { stream: incoming.stream, head, answer });
  else answer.end(ownStatus(grpcCodes.UNIMPLEMENTED, "NO_ROUTE", `there is no method ${head.path}`));
}

function serviceOf({ routes, learned }: ServeOptions, { service }: CallHead): string | undefined {
  return routes().find(service) ?? learned.find(service);
}

function beginCall(
  options: ServeOptions,
  incoming: IncomingCall,
  head: CallHead,
  service: string | undefined,
): void {
  const { stream, rawHeaders, requestId } = incoming;
  if (stream.closed) return;
  const fields = withoutPseudo(rawHeaders);
  const trace = service === undefined ? undefined : options.traces?.begin(fields, performance.now());
  if (trace !== undefined) describeGrpc(trace, head.path, service ?? "", requestId);
  const answer = openAnswer(options, incoming, head, service !== undefined, trace);
  if (service === undefined) {
    answer.end(noServiceStatus(options, head.service));
    return;
  }
  const { dispatcher, defaultTimeoutMs, maxMessageBytes = MAX_MESSAGE_BYTES } = options;
  const spec = options.specOf(service);
  const parts = { dispatcher, service, spec, defaultTimeoutMs, maxMessageBytes, stream, head, answer, trace };
  // A program, and a service that narun did not start, takes calls as messages.
  if (spec === undefined ? dispatcher.ways.takesFrames(service) : spec.mode !== "exec")
    new Call({
      ...parts,
      requestHead: (endsAtMs) =>
        requestHead(options, incoming, head, { service, endsAtMs, fields: trace?.fields ?? fields }),
    }).begin();
  else
    new MessageCall({
      ...parts,
      metadata: trace?.fields ?? fields,
      requestId,
      maxPayloadBytes: maxMessageBody(options.nats),
    }).begin();
}

/** The head of the request to a function. The fields of a trusted proxy about the client count. */
function requestHead(
  { dispatcher, isTrusted }: ServeOptions,
  { stream, requestId, headers }: IncomingCall,
  { path: rawPath }: CallHead,
  { service, endsAtMs, fields }: { service: string; endsAtMs: number; fields: readonly string[] },
): SendableHead | undefined {
  const socket: Partial<Socket> = stream.session?.socket ?? {};
  const authority = headers[":authority"] ?? headers.host ?? "";
  const { address, scheme, host = authority } = clientOf(socket.remoteAddress ?? "", fields, isTrusted);
  return clientHead(
    { method: "POST", rawPath, query: "", host, scheme, fields, requestId },
    { address, remoteAddress: peerOf(socket) },
    { endsAtMs, form: dispatcher.ways.hasSocket(service) ? "text" : "headers" },
  );
}

const NO_HEAD = { path: "", contentType: "application/grpc", deadline: undefined };

function openAnswer(
  options: ServeOptions,
  { stream, requestId }: IncomingCall,
  head: CallHead | NoCall,
  isRouted: boolean,
  trace?: RequestTrace,
): Answer {
  const startedMs = performance.now();
  const { path, contentType, deadline } = isCall(head) ? head : NO_HEAD;
  const service = isCall(head) && isRouted ? head.service : "";
  return new Answer(stream, {
    ...{ contentType, requestId, path, deadline },
    onOver(code: GrpcCode = grpcCodes.CANCELLED) {
      const ms = performance.now() - startedMs;
      if (trace !== undefined) endGrpc(trace, code);
      options.metrics.called(service, path, goNameOf(code), ms);
      options.log.debug({ requestId, method: path, code: goNameOf(code), ms }, "a call is over");
    },
  });
}

/** Pseudo-fields of HTTP/2 come first, and begin with a colon. */
function withoutPseudo(fields: string[]): string[] {
  let at = 0;
  while (fields[at]?.startsWith(":") === true) at += 2;
  return fields.slice(at);
}

function answerHttp(stream: ServerHttp2Stream, { status, allow }: Extract<NoCall, { kind: "http" }>): void {
  stream.respond({ ":status": status, ...(allow === undefined ? {} : { allow }) }, { endStream: true });
  stopClient(stream);
}

function noCallStatus(head: Exclude<NoCall, { kind: "http" }>): GrpcStatus {
  if (head.kind === "malformed") return malformed(head.message);
  return ownStatus(grpcCodes.UNIMPLEMENTED, "BAD_REQUEST", head.message);
}

function noServiceStatus({ isFilling }: ServeOptions, service: string): GrpcStatus {
  if (isFilling()) return statusOf("FIRST_PUSHES");
  return ownStatus(grpcCodes.UNIMPLEMENTED, "NO_ROUTE", `no function implements the service ${service}`);
}
