/** A request for events, from its route to its end: over HTTP as Server-Sent Events, or over a WebSocket. */
import { type ErrorCode, errorEntry, isNarunError } from "../../contracts/index.ts";
import type { EventStart } from "../../nats/index.ts";
import { addCors, allowedOrigin } from "../http/cors.ts";
import { type Exchange, refuse } from "../http/exchange.ts";
import { problemResponse } from "../http/gateway-response.ts";
import { fail, type ServeOptions } from "../http/passage.ts";
import type { RequestTarget } from "../http/request-path.ts";
import type { Upgrade } from "../websocket/websocket.ts";
import { type EventSink, type Reading, readStart } from "./event-readers.ts";
import { EVENTS_PATTERN, EVENTS_PROTOCOL, type EventRequest } from "./event-request.ts";

const REFUSALS = { "key-missing": "EVENT_KEY_MISSING", "key-unknown": "EVENT_KEY_UNKNOWN" } as const;
/** How long a client waits before it connects again. */
const RETRY_MS = 1_000;
/** How long the last bytes of a reader may take when the gateway leaves. */
const LAST_BYTES_MS = 1_000;

export function answerEvents(
  options: ServeOptions,
  exchange: Exchange,
  target: RequestTarget,
  request: EventRequest,
): void {
  const { incoming, method, requestId } = exchange;
  if (request.cors !== undefined) exchange.cors = allowedOrigin(request.cors, incoming);
  const answer = (code: ErrorCode, detail?: string, extra: string[] = []) =>
    refuse(options, exchange, problemResponse(code, requestId, detail, extra));
  const start = startOf(exchange, target);
  if (request.access !== "allowed")
    answer(REFUSALS[request.access], undefined, ["WWW-Authenticate", "Bearer"]);
  else if (method !== "GET") answer("METHOD_NOT_ALLOWED", undefined, ["Allow", "GET"]);
  else if (start === undefined)
    answer("BAD_REQUEST", "`since` is new, last, all, or a time; an id is a whole number");
  else
    begin(options, exchange, request, start, answer).catch((error: unknown) => {
      const isKnown = isNarunError(error) && errorEntry(error.code).status !== undefined;
      if (isKnown && !exchange.outgoing.headersSent) answer(error.code);
      else fail(options, exchange, error);
    });
}

function startOf({ incoming }: Exchange, { query }: RequestTarget): EventStart | undefined {
  const asked = new URLSearchParams(query);
  const lastId = incoming.headers["last-event-id"];
  const after = (Array.isArray(lastId) ? lastId[0] : lastId) ?? asked.get("after");
  return readStart(after ?? undefined, asked.get("since") ?? undefined);
}

async function begin(
  options: ServeOptions,
  exchange: Exchange,
  { pattern, load }: EventRequest,
  start: EventStart,
  answer: (code: ErrorCode) => void,
): Promise<void> {
  const readers = await load();
  const leave = readers.enter();
  if (leave === undefined) {
    answer("EVENT_READERS_FULL");
    return;
  }
  try {
    await readers.open();
  } catch (error) {
    leave();
    throw error;
  }
  if (exchange.outgoing.destroyed) return leave();
  const run: Run = (form, sink, gone) => readers.run({ pattern, start, form }, sink, gone).finally(leave);
  if (exchange.upgrade === undefined) tell(options, exchange, run);
  else if (!tellSocket(options, exchange, exchange.upgrade, run)) leave();
}

type Run = (form: Reading["form"], sink: EventSink, gone: AbortSignal) => Promise<void>;

function tell(options: ServeOptions, exchange: Exchange, run: Run): void {
  const { outgoing, requestId, method, startedMs, cors } = exchange;
  const headers = [
    "Content-Type",
    "text/event-stream",
    "Cache-Control",
    "no-store",
    "X-Accel-Buffering",
    "no",
  ];
  if (cors !== undefined) addCors(headers, cors);
  headers.push("X-Request-Id", requestId);
  if (options.isLeaving()) headers.push("Connection", "close");
  outgoing.writeHead(200, headers);
  outgoing.write(`retry: ${RETRY_MS}\n\n`);
  options.metrics.answered(method, EVENTS_PATTERN, 200, performance.now() - startedMs);
  const gone = new AbortController();
  outgoing.once("close", () => gone.abort());
  const sink: EventSink = {
    send: (bytes) => written((done) => outgoing.write(bytes, done)),
    cut: () => outgoing.destroy(),
  };
  void run("sse", sink, gone.signal).finally(() => {
    outgoing.end();
    // A reader that takes nothing would hold up a drain.
    const cutting = setTimeout(() => outgoing.destroy(), LAST_BYTES_MS);
    outgoing.once("close", () => clearTimeout(cutting));
  });
}

/** Returns whether the client is one: `ws` has refused it otherwise. */
function tellSocket(options: ServeOptions, exchange: Exchange, upgrade: Upgrade, run: Run): boolean {
  const { requestId, method, startedMs, incoming } = exchange;
  const offered = (incoming.headers["sec-websocket-protocol"] ?? "").split(",").map((one) => one.trim());
  const headers = ["X-Request-Id", requestId];
  // The key among the protocols is never told back.
  if (offered.includes(EVENTS_PROTOCOL)) headers.push("Sec-WebSocket-Protocol", EVENTS_PROTOCOL);
  options.metrics.answered(method, EVENTS_PATTERN, 101, performance.now() - startedMs);
  let isTaken = false;
  options.webSockets.tell(upgrade, headers, (socket) => {
    isTaken = true;
    const sink: EventSink = {
      send: (bytes) => written((done) => socket.send(bytes, done)),
      cut: () => socket.cut(),
    };
    void run("socket", sink, socket.gone).finally(() => socket.close());
  });
  return isTaken;
}

/** Resolves when the operating system has the bytes, or the reader is gone. */
function written(write: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => write(() => resolve()));
}
