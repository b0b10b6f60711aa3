/** A request for events, from its route to its end: over HTTP as Server-Sent Events, or over a WebSocket. */
import { type ErrorCode, errorEntry, isNarunError } from "../../contracts/index.ts";
import type { EventStart, FollowedItem } from "../../nats/index.ts";
import { addCors, allowedOrigin } from "../http/cors.ts";
import { type Exchange, isLast, refuse } from "../http/exchange.ts";
import { problemResponse } from "../http/gateway-response.ts";
import { fail, type ServeOptions } from "../http/passage.ts";
import type { RequestTarget } from "../http/request-path.ts";
import type { Upgrade } from "../websocket/websocket.ts";
import { EVENTS_PATTERN, EVENTS_PROTOCOL, type EventRequest } from "./event-door.ts";
import { describeItem, type EventReaders, type EventSink, readStart } from "./event-readers.ts";

const REFUSALS = { "key-missing": "EVENT_KEY_MISSING", "key-unknown": "EVENT_KEY_UNKNOWN" } as const;
/** How long a client waits before it connects again. */
const RETRY_MS = 1_000;

export function answerEvents(
  options: ServeOptions,
  exchange: Exchange,
  target: RequestTarget,
  request: EventRequest,
): void {
  const { incoming, method, requestId } = exchange;
  exchange.pattern = EVENTS_PATTERN;
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
  { pattern }: EventRequest,
  start: EventStart,
  answer: (code: ErrorCode) => void,
): Promise<void> {
  const readers = await options.events.load();
  if (readers.isFull) {
    answer("EVENT_READERS_FULL");
    return;
  }
  await readers.open();
  if (exchange.outgoing.destroyed) return;
  const run: Run = (sink, gone) => readers.run(pattern, start, sink, gone);
  if (exchange.upgrade === undefined) tell(options, exchange, run);
  else tellSocket(options, exchange, exchange.upgrade, run);
}

type Run = (sink: EventSink, gone: AbortSignal) => ReturnType<EventReaders["run"]>;

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
  if (isLast(options, exchange)) headers.push("Connection", "close");
  outgoing.writeHead(200, headers);
  outgoing.write(`retry: ${RETRY_MS}\n\n`);
  options.metrics.answered(method, EVENTS_PATTERN, 200, performance.now() - startedMs);
  const gone = new AbortController();
  outgoing.once("close", () => gone.abort());
  const sink: EventSink = {
    send: (item) => written((done) => outgoing.write(toServerSent(item), done)),
    cut: () => outgoing.destroy(),
  };
  void run(sink, gone.signal).finally(() => outgoing.end());
}

/** An item in the form of Server-Sent Events. JSON has no line ends of its own. */
function toServerSent(item: FollowedItem): string {
  const { kind, id, body } = describeItem(item);
  // An id without data moves the reader's place, and is no event.
  if (kind === "position") return `: beat\nid: ${id}\n\n`;
  const name = kind === "gap" ? "event: gap\n" : "";
  return `${name}id: ${id}\ndata: ${JSON.stringify(body)}\n\n`;
}

function tellSocket(options: ServeOptions, exchange: Exchange, upgrade: Upgrade, run: Run): void {
  const { requestId, method, startedMs, incoming } = exchange;
  const offered = (incoming.headers["sec-websocket-protocol"] ?? "").split(",").map((one) => one.trim());
  const headers = ["X-Request-Id", requestId];
  // The key among the protocols is never told back.
  if (offered.includes(EVENTS_PROTOCOL)) headers.push("Sec-WebSocket-Protocol", EVENTS_PROTOCOL);
  options.metrics.answered(method, EVENTS_PATTERN, 101, performance.now() - startedMs);
  options.webSockets.tell(upgrade, headers, (socket) => {
    const sink: EventSink = {
      send: (item) => {
        const { kind, body } = describeItem(item);
        return written((done) => socket.send(JSON.stringify({ kind, ...body }), done));
      },
      cut: () => socket.cut(),
    };
    void run(sink, socket.gone).finally(() => socket.close());
  });
}

/** Resolves when the operating system has the bytes, or the reader is gone. */
function written(write: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => write(() => resolve()));
}
