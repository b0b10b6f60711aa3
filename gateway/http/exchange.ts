/** A request on its way through the gateway, and its answer. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { isRequestId } from "../../contracts/index.ts";
import type { ColdTiming } from "../../dispatch/index.ts";
import type { Metrics } from "../metrics.ts";
import { endHttp } from "../traces/http-trace.ts";
import type { RequestTrace } from "../traces/request-trace.ts";
import type { Upgrade } from "../websocket/websocket.ts";
import { asCallError } from "./call-error.ts";
import { ConnectionResponse } from "./connection.ts";
import { type AllowedOrigin, addCors } from "./cors.ts";
import type { Endings } from "./endings.ts";
import type { Destination, GatewayResponse } from "./gateway-response.ts";
import { latin1Of } from "./latin1-of.ts";

/** The options of all answers. */
export interface AnswerOptions {
  /** Whether connections are closed after their answers, so that clients go to other gateways. */
  isLeaving(): boolean;
  /** Whether new requests are refused. */
  isDraining(): boolean;
  metrics: Metrics;
  endings: Endings;
}

const UNMATCHED = "unmatched";
const NOWHERE: Destination = { service: "", spec: undefined };

/** One request on its way through the gateway. */
export class Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly method: string;
  readonly requestId: string;
  /** By `performance.now()`. */
  readonly startedMs = performance.now();
  /** Set where the client asks for a WebSocket. */
  readonly upgrade: Upgrade | undefined;
  /** The `path` label of the metrics. */
  pattern = UNMATCHED;
  /** Set where a route matched. */
  destination = NOWHERE;
  /** Set where the function answers pages of other origins. */
  cors: AllowedOrigin | undefined;
  /** Set while the request is in dispatch: it no longer waits for its answer. */
  passage: { cancel(): void } | undefined;
  /** The status of the answer for figures, where it is another one than the client's. */
  status: number | undefined;
  /** Set where traces are on, and the request goes to dispatch. */
  trace: RequestTrace | undefined;

  constructor(incoming: IncomingMessage, outgoing: ServerResponse, upgrade?: Upgrade) {
    this.incoming = incoming;
    this.outgoing = outgoing;
    this.method = incoming.method ?? "GET";
    this.requestId = requestIdOf(incoming);
    this.upgrade = upgrade;
  }

  /** The answer is written, or the client is gone. */
  onOver(): void {
    this.passage?.cancel();
    if (this.trace !== undefined)
      endHttp(this.trace, this.status ?? this.outgoing.statusCode, this.outgoing.writableFinished);
  }
}

/** Whether the connection takes no request after this one: its door leaves, or it is old. */
export function isLast({ isLeaving }: AnswerOptions, { outgoing }: Exchange): boolean {
  return isLeaving() || (outgoing instanceof ConnectionResponse && outgoing.owner?.isOld === true);
}

function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers["x-request-id"];
  return isRequestId(given) ? given : randomUUID();
}

/**
 * Answers an error. The beginning of the next request is unknown after a refused body, and after a body that waits for
 * `100 Continue`: its client may send it or not. Then the connection is closed.
 */
export function refuse(options: AnswerOptions, exchange: Exchange, response: GatewayResponse): void {
  const { incoming } = exchange;
  const isRefused = response.status === BODY_REFUSED || incoming.headers.expect !== undefined;
  if (!isRefused) {
    write(options, exchange, response, undefined);
    return;
  }
  closeAfter(options, exchange, response, undefined);
}

/** Answers, and ends the connection. The rest of the request's body is not read. */
export function closeAfter(
  options: AnswerOptions,
  exchange: Exchange,
  response: GatewayResponse,
  cold: ColdTiming | undefined,
): void {
  response.headers.push("Connection", "close");
  // A client may read the answer only after it has sent all of its body.
  exchange.incoming.resume();
  write(options, exchange, response, cold);
}

const BODY_REFUSED = 413;

export function write(
  options: AnswerOptions,
  exchange: Exchange,
  response: GatewayResponse,
  cold: ColdTiming | undefined,
): void {
  const { metrics, endings } = options;
  const { incoming, outgoing, method, requestId, pattern, startedMs, cors } = exchange;
  const { status, headers, body } =
    response.problem === undefined ? response : asCallError(incoming, response);
  // In gRPC-Web an error has the status 200.
  exchange.status = response.status;
  if (cors !== undefined) addCors(headers, cors);
  headers.push("X-Request-Id", requestId);
  if (cold !== undefined) headers.push("Server-Timing", serverTiming(cold));
  // A second `Connection` field does no harm: both have the same value.
  if (isLast(options, exchange)) headers.push("Connection", "close");
  outgoing.writeHead(status, headers);
  if (method === "HEAD" || body === undefined) endings.end(outgoing, "");
  else if (body.byteLength > MAX_JOINED_BYTES) outgoing.end(body);
  else endings.end(outgoing, latin1Of(body));
  metrics.answered(method, pattern, response.status, performance.now() - startedMs);
}

/** Upper bound of a body that Node writes with its head in one piece. It joins texts only; larger ones cost more than a piece. */
const MAX_JOINED_BYTES = 4 * 1024;

/** W3C Server Timing, durations in milliseconds. */
export function serverTiming({ heldMs, startMs }: ColdTiming): string {
  const start = startMs === undefined ? "" : `, start;dur=${startMs.toFixed(1)}`;
  return `hold;dur=${heldMs.toFixed(1)}${start}`;
}
