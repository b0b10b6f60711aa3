/**
 * HTTP in, answers out. Hono and its server adapter carry the request here and catch what goes wrong; header fields are
 * read from and written to Node's own objects, as the Fetch API joins repeated ones and adds a content type.
 *
 * I1  Every request is answered once, with its `x-request-id`, unless its client is gone: then its dispatch is cancelled.
 * I2  A body is never read beyond its limit.
 */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { getRequestListener, type HttpBindings, RequestError } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { Hono } from "hono";
import {
  createProblem,
  type ErrorCode,
  type FunctionSpec,
  headerNames,
  MAX_FRAME_BYTES,
  messageOf,
  PROBLEM_CONTENT_TYPE,
} from "../contracts/index.ts";
import type { Nats } from "../nats/index.ts";
import { type Body, lingerFor, maxMessageBody, readBody } from "./body.ts";
import type { Dispatcher } from "./dispatch.ts";
import {
  type Destination,
  failureResponse,
  type GatewayResponse,
  problemResponse,
} from "./gateway-response.ts";
import type { Gathering } from "./gathering.ts";
import type { ColdTiming, Outcome } from "./job.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { toResponse, toStreamHead } from "./reply-to-response.ts";
import { parseTarget, type RequestTarget } from "./request-path.ts";
import { isRepeatable, toMessageHeaders } from "./request-to-message.ts";
import type { RouteEntry, RouteTable } from "./routes.ts";
import { writeStream } from "./stream-response.ts";
import { answerUnreadable } from "./unreadable.ts";
import { isWebSocketRequest, type Upgrade, type WebSockets } from "./websocket.ts";

export interface HttpOptions {
  nats: Nats;
  dispatcher: Dispatcher;
  gathering: Gathering;
  routes(): RouteTable;
  specOf(service: string): FunctionSpec | undefined;
  /** For services without a spec. */
  defaultTimeoutMs: number;
  isDraining(): boolean;
  metrics: Metrics;
  webSockets: WebSockets;
  log: Log;
}

/** One request on its way through the gateway. */
interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly method: string;
  readonly requestId: string;
  /** By `performance.now()`. */
  readonly startedMs: number;
  /** The `path` label of the metrics. */
  pattern: string;
  /** Set where a route matched. */
  destination: Destination;
  /** Set where the client asks for a WebSocket. */
  readonly upgrade: Upgrade | undefined;
}

const UNMATCHED = "unmatched";
const NOWHERE: Destination = { service: "", spec: undefined };

/** Longer than proxies keep theirs: a connection that is closed under a request that is on its way would lose it. */
const KEEP_ALIVE_MS = 75_000;

export function createHttpServer(options: HttpOptions): Server {
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.all("*", async (c) => {
    await serve(options, beginExchange(c.env.incoming, c.env.outgoing));
    return RESPONSE_ALREADY_SENT;
  });
  app.onError((error) => answerBroken(options, error));
  const listener = getRequestListener(app.fetch as Parameters<typeof getRequestListener>[0], {
    overrideGlobalObjects: false,
    // The rest of a body that was refused is this file's matter.
    autoCleanupIncoming: false,
    hostname: "localhost",
    errorHandler: (error) => answerBroken(options, error),
  });
  const server = createServer({ shouldUpgradeCallback: isWebSocketRequest }, (incoming, outgoing) => {
    void listener(incoming, outgoing);
  });
  server.on("upgrade", (incoming, socket, head) => serveUpgrade(options, incoming, socket as Socket, head));
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  // Node's own limit of 5 min for a whole request is shorter than a large body may take; `limits.streamMs` bounds that.
  server.requestTimeout = 0;
  // Node would tell every client to go on with its body; here its length is looked at before.
  server.on("clientError", (error, socket) => answerUnreadable(error, socket));
  server.on("checkContinue", (incoming, outgoing) => void listener(incoming, outgoing));
  return server;
}

/** A request for a WebSocket is answered as any other, until the function says 101. */
function serveUpgrade(options: HttpOptions, incoming: IncomingMessage, socket: Socket, head: Buffer): void {
  const outgoing = new ServerResponse(incoming);
  outgoing.assignSocket(socket);
  outgoing.shouldKeepAlive = false;
  // Node has let go of the connection: nobody else tells of its end, or ends it.
  const onClose = () => void outgoing.emit("close");
  socket.once("close", onClose);
  const { notice, ignore } = noticeEnd(socket);
  notice();
  socket.on("error", () => socket.destroy());
  outgoing.once("finish", () => socket.end());
  const release = () => {
    ignore();
    socket.off("close", onClose);
    outgoing.detachSocket(socket);
  };
  const exchange = beginExchange(incoming, outgoing, { incoming, socket, head, release });
  serve(options, exchange).catch((error: unknown) => {
    options.log.error({ requestId: exchange.requestId, error: messageOf(error) }, "an upgrade failed");
    socket.destroy();
  });
}

/** Closes a connection that its client has closed, though nobody reads from it yet. */
function noticeEnd(socket: Socket): { notice(): void; ignore(): void } {
  const onReadable = () => {
    // What has come is somebody else's to read; the end is told only to who reads.
    if (socket.readableLength === 0) socket.read();
  };
  const onEnd = () => void socket.destroy();
  return {
    notice: () => void socket.on("readable", onReadable).once("end", onEnd),
    ignore: () => void socket.off("readable", onReadable).off("end", onEnd),
  };
}

/** What the adapter cannot make a request of, and what should not have happened. */
function answerBroken({ log }: HttpOptions, error: unknown): Response {
  const isBadRequest = error instanceof RequestError;
  const requestId = randomUUID();
  if (!isBadRequest) log.error({ requestId, error: messageOf(error) }, "a request failed in the gateway");
  const problem = createProblem(isBadRequest ? "BAD_REQUEST" : "INTERNAL", requestId);
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { "Content-Type": PROBLEM_CONTENT_TYPE, "X-Request-Id": requestId },
  });
}

function beginExchange(incoming: IncomingMessage, outgoing: ServerResponse, upgrade?: Upgrade): Exchange {
  return {
    incoming,
    outgoing,
    method: incoming.method ?? "GET",
    requestId: requestIdOf(incoming),
    startedMs: performance.now(),
    pattern: UNMATCHED,
    destination: NOWHERE,
    upgrade,
  };
}

const REQUEST_ID = /^[\w.:-]{1,128}$/;

function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers["x-request-id"];
  return typeof given === "string" && REQUEST_ID.test(given) ? given : randomUUID();
}

async function serve(options: HttpOptions, exchange: Exchange): Promise<void> {
  const { requestId, method, incoming, outgoing } = exchange;
  if (options.isDraining()) {
    return refuse(options, exchange, problemResponse("GATEWAY_DRAINING", requestId));
  }
  const target = parseTarget(incoming.url ?? "/");
  if (target === undefined) return refuse(options, exchange, problemResponse("BAD_REQUEST", requestId));
  const match = options.routes().match(method, target.rawPath);
  if (match.kind === "none") return refuse(options, exchange, problemResponse("NO_ROUTE", requestId));
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
  const dispatched = dispatch(options, exchange, match.route, target, body);
  cancel = dispatched.cancel;
  const outcome = await dispatched.outcome;
  if (outcome === undefined) return;
  // A body that its handler left unread: where it ends, and the next request begins, is yet to come.
  const isUnread = body.kind === "stream" && !incoming.readableEnded;
  if (outcome.kind === "stream") return writeStreamed(options, exchange, outcome, { isUnread, cancel });
  const response = responseOf(outcome, exchange);
  if (isUnread) return closeAfter(options, exchange, response, outcome.cold);
  write(options, exchange, response, outcome.cold);
}

interface Dispatched {
  /** Resolves with what became of the request; with undefined where its client is gone, or it was cancelled. */
  outcome: Promise<Outcome | undefined>;
  cancel(): void;
}

function dispatch(
  { dispatcher, specOf, defaultTimeoutMs }: HttpOptions,
  exchange: Exchange,
  { service }: RouteEntry,
  target: RequestTarget,
  body: Extract<Body, { kind: "whole" | "stream" }>,
): Dispatched {
  const { incoming, outgoing, method, requestId } = exchange;
  const { socket, rawHeaders } = incoming;
  const spec = specOf(service);
  // A streamed body may take its time: the instance begins to count when it has come (docs/limits.md).
  const bodyMs = body.kind === "stream" ? (spec?.limits.streamMs ?? 0) : 0;
  const deadlineAt = Date.now() + bodyMs + (spec?.limits.timeoutMs ?? defaultTimeoutMs);
  const headers = toMessageHeaders({
    method,
    target,
    rawHeaders,
    remoteAddress: socket.remoteAddress ?? "",
    remotePort: socket.remotePort ?? 0,
    requestId,
    deadlineAt,
  });
  if (exchange.upgrade !== undefined) headers.set(headerNames.upgrade, ["websocket"]);
  const { promise, resolve } = Promise.withResolvers<Outcome | undefined>();
  if (outgoing.destroyed) return { outcome: Promise.resolve(undefined), cancel: () => undefined };
  const forget = dispatcher.dispatch({
    service,
    headers,
    ...(body.kind === "whole" ? { data: body.data } : { data: body.first, rest: body.rest }),
    streams: true,
    isRepeatable: isRepeatable(method, headers),
    deadlineAt,
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
  options: HttpOptions,
  exchange: Exchange,
  { message, body, cold }: Extract<Outcome, { kind: "stream" }>,
  { isUnread, cancel }: { isUnread: boolean; cancel: () => void },
): void {
  const { incoming, outgoing, method, requestId, pattern, startedMs, upgrade } = exchange;
  const read = toStreamHead(message);
  // A function may say so of a request that did not ask: whoever reads the connection would lose its place in it.
  const head = upgrade === undefined && read?.status === SWITCHING_PROTOCOLS ? undefined : read;
  if (upgrade !== undefined && head?.status === SWITCHING_PROTOCOLS) {
    head.headers.push("X-Request-Id", requestId);
    upgrade.release();
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
  if (isUnread || options.isDraining()) head.headers.push("Connection", "close");
  // What is sent behind an answer must not reset its connection before the client has read it.
  const end = isUnread ? () => lingerFor(incoming, () => outgoing.end()) : () => outgoing.end();
  writeStream(outgoing, head, body, end);
  options.metrics.answered(method, pattern, head.status, performance.now() - startedMs);
}

function responseOf(
  outcome: Exclude<Outcome, { kind: "stream" }>,
  { method, requestId, destination }: Exchange,
): GatewayResponse {
  return outcome.kind === "reply"
    ? toResponse(outcome.message, method, requestId, destination)
    : failureResponse(outcome.code, requestId, destination);
}

interface BodyLimit {
  maxBytes: number;
  /** A larger body is streamed. */
  maxWholeBytes: number;
  maxWholeMs: number;
  /** The setting that says so. */
  name: string;
}

/** A function of ours takes streams; of a service without a spec nobody knows, so its bodies go in one message. */
function bodyLimit({ nats, specOf, defaultTimeoutMs }: HttpOptions, service: string): BodyLimit {
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

/**
 * Answers an error. Of a body that is refused, or that its client may or may not send after it asked and got no
 * `100 Continue`, nobody knows where the next request begins: then the connection is closed.
 */
function refuse(options: HttpOptions, exchange: Exchange, response: GatewayResponse): void {
  const { incoming } = exchange;
  const isRefused = response.status === BODY_REFUSED || incoming.headers.expect !== undefined;
  if (!isRefused) {
    write(options, exchange, response, undefined);
    return;
  }
  closeAfter(options, exchange, response, undefined);
}

/** Answers, and ends the connection: what is left of the request's body is not read. */
function closeAfter(
  options: HttpOptions,
  exchange: Exchange,
  response: GatewayResponse,
  cold: ColdTiming | undefined,
): void {
  const { incoming, outgoing } = exchange;
  response.headers.push("Connection", "close");
  write(options, exchange, response, cold, () => lingerFor(incoming, () => outgoing.end()));
}

const BODY_REFUSED = 413;
const SWITCHING_PROTOCOLS = 101;

/** `end` ends the answer in place of this function, which then only writes it. */
function write(
  { metrics, isDraining }: HttpOptions,
  { outgoing, method, requestId, pattern, startedMs }: Exchange,
  { status, headers, body }: GatewayResponse,
  cold: ColdTiming | undefined,
  end?: () => void,
): void {
  headers.push("X-Request-Id", requestId);
  if (cold !== undefined) headers.push("Server-Timing", serverTiming(cold));
  // A second `Connection` field would do no harm: both say the same.
  if (isDraining()) headers.push("Connection", "close");
  outgoing.writeHead(status, headers);
  const content = method === "HEAD" ? undefined : body;
  if (end === undefined) outgoing.end(content);
  else {
    if (content !== undefined) outgoing.write(content);
    end();
  }
  metrics.answered(method, pattern, status, performance.now() - startedMs);
}

/** W3C Server Timing, durations in milliseconds. */
function serverTiming({ heldMs, startMs }: ColdTiming): string {
  const start = startMs === undefined ? "" : `, start;dur=${startMs.toFixed(1)}`;
  return `hold;dur=${heldMs.toFixed(1)}${start}`;
}
