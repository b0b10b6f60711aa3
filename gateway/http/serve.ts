/**
 * Routes a request, dispatches it, and writes the answer.
 *
 * I1  Every request is answered once, with its `x-request-id`. The dispatch of a client that is gone is cancelled.
 * I2  A body is never read beyond its limit.
 */
import {
  type ErrorCode,
  type FunctionSpec,
  type Headers,
  isRepeatable,
  MAX_FRAME_BYTES,
  SWITCHING_PROTOCOLS,
} from "../../contracts/index.ts";
import type { Dispatcher, Outcome } from "../../dispatch/index.ts";
import type { Nats } from "../../nats/index.ts";
import type { RouteTable } from "../routes.ts";
import type { WebSockets } from "../websocket/websocket.ts";
import { type Body, maxMessageBody, readBody } from "./body.ts";
import { type AnswerOptions, closeAfter, type Exchange, refuse, serverTiming, write } from "./exchange.ts";
import type { IsTrusted } from "./forwarded.ts";
import { failureResponse, type GatewayResponse, problemResponse } from "./gateway-response.ts";
import type { Gathering } from "./gathering.ts";
import { noRouteResponse } from "./no-route.ts";
import { toResponse, toStreamHead } from "./reply-to-response.ts";
import { requestHeaders } from "./request-headers.ts";
import { readHost } from "./request-host.ts";
import { parseTarget } from "./request-path.ts";
import { writeStream } from "./stream-response.ts";

export interface ServeOptions extends AnswerOptions {
  nats: Nats;
  dispatcher: Dispatcher;
  gathering: Gathering;
  routes(): RouteTable;
  /** Whether routes are still to come: functions are being pushed. */
  isFilling(): boolean;
  specOf(service: string): FunctionSpec | undefined;
  /** For services without a spec. */
  defaultTimeoutMs: number;
  webSockets: WebSockets;
  isTrusted: IsTrusted;
}

export async function serve(options: ServeOptions, exchange: Exchange): Promise<void> {
  const { requestId, method, incoming, outgoing } = exchange;
  if (options.isDraining()) {
    return refuse(options, exchange, problemResponse("GATEWAY_DRAINING", requestId));
  }
  const target = parseTarget(incoming.url ?? "/");
  if (target === undefined) return refuse(options, exchange, problemResponse("BAD_REQUEST", requestId));
  const host = readHost(incoming, target.host);
  if (!host.ok) {
    return closeAfter(options, exchange, problemResponse("BAD_REQUEST", requestId, host.reason), undefined);
  }
  const match = options.routes().match(method, target.rawPath);
  if (match.kind === "none") {
    const response = options.isFilling()
      ? problemResponse("FIRST_PUSHES", requestId)
      : noRouteResponse(target.rawPath, match.nearest, requestId);
    return refuse(options, exchange, response);
  }
  if (match.kind === "method-not-allowed") {
    exchange.pattern = match.pattern;
    const allow = ["Allow", match.allow.join(", ")];
    return refuse(options, exchange, problemResponse("METHOD_NOT_ALLOWED", requestId, undefined, allow));
  }

  const { service, pattern } = match.route;
  exchange.pattern = pattern;
  exchange.destination = { service, spec: options.specOf(service) };
  const limit = bodyLimit(options, match.route.service);
  const tooLarge = () => {
    const detail = `the limit is ${limit.maxBytes} bytes (${limit.name})`;
    return problemResponse("BODY_TOO_LARGE", requestId, detail);
  };
  let cancel: () => void = () => undefined;
  const onTooLarge = () => {
    cancel();
    if (outgoing.headersSent) outgoing.destroy();
    else refuse(options, exchange, tooLarge());
  };
  const gather = (refuse: (code: ErrorCode) => void) => options.gathering.join(service, refuse);
  const body = await readBody(incoming, outgoing, { ...limit, gather, onTooLarge });
  if (body.kind === "gone") return;
  if (body.kind === "refused") {
    const refusal = failureResponse(body.code, requestId, exchange.destination);
    return closeAfter(options, exchange, refusal, undefined);
  }
  if (body.kind === "too-large") return refuse(options, exchange, tooLarge());
  const timeoutMs = timeoutOf(options, service, body);
  const facts = { host: host.host, isTrusted: options.isTrusted, timeoutMs };
  const headers = requestHeaders(exchange, target, facts);
  if (headers === undefined)
    return closeAfter(options, exchange, problemResponse("BAD_REQUEST", requestId), undefined);
  const dispatched = dispatch(options, exchange, { service, headers, timeoutMs }, body);
  cancel = dispatched.cancel;
  const outcome = await dispatched.outcome;
  if (outcome === undefined) return;
  // The handler left the body unread, so the beginning of the next request is unknown.
  const isUnread = body.kind === "stream" && !incoming.readableEnded;
  if (outcome.kind === "stream") return writeStreamed(options, exchange, outcome, { isUnread, cancel });
  const response = responseOf(outcome, exchange);
  if (isUnread) return closeAfter(options, exchange, response, outcome.cold);
  write(options, exchange, response, outcome.cold);
}

interface Dispatched {
  /** Resolves with the outcome; with undefined where the client is gone, or the request was cancelled. */
  outcome: Promise<Outcome | undefined>;
  cancel(): void;
}

type TakenBody = Extract<Body, { kind: "whole" | "stream" }>;

/** The time of a streamed body comes on top: the instance begins to count when the body has come (docs/limits.md). */
function timeoutOf({ specOf, defaultTimeoutMs }: ServeOptions, service: string, body: TakenBody): number {
  const limits = specOf(service)?.limits;
  const bodyMs = body.kind === "stream" ? (limits?.streamMs ?? 0) : 0;
  return bodyMs + (limits?.timeoutMs ?? defaultTimeoutMs);
}

function dispatch(
  { dispatcher }: ServeOptions,
  { outgoing, method }: Exchange,
  { service, headers, timeoutMs }: { service: string; headers: Headers; timeoutMs: number },
  body: TakenBody,
): Dispatched {
  const { promise, resolve } = Promise.withResolvers<Outcome | undefined>();
  if (outgoing.destroyed) return { outcome: Promise.resolve(undefined), cancel: () => undefined };
  const forget = dispatcher.dispatch({
    service,
    head: { headers: () => headers },
    ...(body.kind === "whole" ? { data: body.data } : { data: body.first, rest: body.rest }),
    streams: true,
    isRepeatable: isRepeatable(method, headers),
    endsAtMs: performance.now() + timeoutMs,
    settle: resolve,
  });
  const cancel = () => {
    forget();
    resolve(undefined);
  };
  outgoing.once("close", cancel);
  return { outcome: promise, cancel };
}

function writeStreamed(
  options: ServeOptions,
  exchange: Exchange,
  { reply, body, cold }: Extract<Outcome, { kind: "stream" }>,
  { isUnread, cancel }: { isUnread: boolean; cancel: () => void },
): void {
  const { outgoing, method, requestId, pattern, startedMs, upgrade } = exchange;
  const read = toStreamHead(reply);
  // A function may answer 101 to a request that did not ask for it. The client could not parse the bytes that follow.
  const head = upgrade === undefined && read?.status === SWITCHING_PROTOCOLS ? undefined : read;
  if (upgrade !== undefined && head?.status === SWITCHING_PROTOCOLS) {
    head.headers.push("X-Request-Id", requestId);
    options.webSockets.accept(upgrade, head.headers, body, cancel);
    options.metrics.answered(method, pattern, head.status, performance.now() - startedMs);
    return;
  }
  const hasBody = method !== "HEAD" && head?.status !== 204 && head?.status !== 304;
  if (head === undefined || !hasBody) {
    cancel();
    const empty = head && { status: head.status, headers: head.headers, body: undefined };
    write(options, exchange, empty ?? failureResponse("BAD_REPLY", requestId, exchange.destination), cold);
    return;
  }
  head.headers.push("X-Request-Id", requestId);
  if (cold !== undefined) head.headers.push("Server-Timing", serverTiming(cold));
  if (isUnread || options.isLeaving()) head.headers.push("Connection", "close");
  writeStream(outgoing, head, body);
  options.metrics.answered(method, pattern, head.status, performance.now() - startedMs);
}

function responseOf(
  outcome: Exclude<Outcome, { kind: "stream" }>,
  { method, requestId, destination }: Exchange,
): GatewayResponse {
  return outcome.kind === "reply"
    ? toResponse(outcome.reply, method, requestId, destination)
    : failureResponse(outcome.code, requestId, destination);
}

interface BodyLimit {
  maxBytes: number;
  /** A larger body is streamed. */
  maxWholeBytes: number;
  maxWholeMs: number;
  /** The name of the setting. */
  name: string;
}

/** A function takes streams. A service without a spec may not, so its bodies go in one message. */
function bodyLimit({ nats, specOf, defaultTimeoutMs }: ServeOptions, service: string): BodyLimit {
  const spec = specOf(service);
  if (spec !== undefined)
    return {
      maxBytes: spec.limits.maxBodyBytes,
      maxWholeBytes: MAX_FRAME_BYTES,
      maxWholeMs: spec.limits.streamMs,
      name: "limits.maxBodyBytes",
    };
  const maxBytes = maxMessageBody(nats);
  return {
    maxBytes,
    maxWholeBytes: maxBytes,
    maxWholeMs: defaultTimeoutMs,
    name: "max_payload of nats-server",
  };
}
