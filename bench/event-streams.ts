/**
 * Streams of server-sent events, read with the least work: each arrival of an event is a time, and the text of one is read.
 * The server sends one event to all streams, and the next one after the arrival of the last.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface EventStreams extends Disposable {
  /** The arrivals of the event that is sent next. Resolves after the last one, or when the others take too long. */
  nextEvent(): Promise<ArrivedEvent>;
}

export interface ArrivedEvent {
  /** The time in the event, in milliseconds since 1970. NaN if none arrived. */
  writtenAt: number;
  /** The time of each arrival, in milliseconds since 1970. */
  arrivals: number[];
  /** Number of streams without it. */
  missing: number;
}

/** How long a stream may take to open, and an event on its way to the last stream. */
const LIMIT_MS = 20_000;

/** Streams are opened in batches: the machine's queue of connections is not measured. */
const BATCH = 50;

/** Opens streams of events that have their time in a line `data: <milliseconds since 1970>`. */
export async function openEventStreams(url: string, count: number): Promise<EventStreams> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const batch = Array.from({ length: Math.min(BATCH, count - sockets.length) }, () => open(url));
    sockets.push(...(await Promise.all(batch)));
  }
  let arrived: (chunk: Buffer) => void = () => undefined;
  for (const socket of sockets) listen(socket, (chunk) => arrived(chunk));
  return {
    nextEvent() {
      const event: ArrivedEvent = { writtenAt: Number.NaN, arrivals: [], missing: count };
      return new Promise((resolve) => {
        const timer = setTimeout(() => resolve(event), LIMIT_MS);
        arrived = (chunk) => {
          event.arrivals.push(Date.now());
          if (event.missing === count) event.writtenAt = timeIn(chunk);
          event.missing -= 1;
          if (event.missing > 0) return;
          clearTimeout(timer);
          resolve(event);
        };
      });
    },
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

const END_OF_EVENT = "\n\n";

/** An event may arrive in parts. The last part has its end, and the parts before it are kept for its time. */
function listen(socket: Socket, arrived: (event: Buffer) => void): void {
  let parts: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => {
    const event = parts.length === 0 ? chunk : Buffer.concat([...parts, chunk]);
    if (event.includes(END_OF_EVENT)) {
      parts = [];
      arrived(event);
    } else parts = [event];
  });
  // A broken stream misses its events.
  socket.on("error", () => undefined);
}

function timeIn(event: Buffer): number {
  return Number(/^data: (\d+)$/m.exec(event.toString("latin1"))?.[1]);
}

/** Resolves after the head of the answer. */
async function open(url: string): Promise<Socket> {
  const { hostname, port, pathname, host } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.setNoDelay(true);
  socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nAccept: text/event-stream\r\n\r\n`);
  const [chunk] = (await once(socket, "data", { signal: AbortSignal.timeout(LIMIT_MS) })) as [Buffer];
  const head = chunk.toString("latin1");
  if (head.startsWith("HTTP/1.1 200 ") && head.includes("\r\n\r\n")) return socket;
  socket.destroy();
  throw new Error(`${url}: ${head.slice(0, 200)}`);
}
