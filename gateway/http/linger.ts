/**
 * Closes connections whose clients may still send. A connection that is closed while something comes is reset, and the
 * client's system throws away the answer that it has not read: so this side is closed first, what comes is read and
 * dropped, and the rest is closed when the client has closed its side, or its time is over (RFC 9112, section 9.6).
 */
import type { Socket } from "node:net";

/** Sends what was written, closes this side, and the other one when the client has, at the latest after 30 s. */
export type Linger = (socket: Socket) => void;

/** Upper bounds for one client: of the whole, and of a pause, also while the gateway drains. */
const LINGER_MS = 30_000;
const IDLE_MS = 5_000;
const DRAINING_IDLE_MS = 500;
const MAX_BYTES = 256 * 1024 * 1024;
/** Upper bound of connections that linger at a time: the oldest is closed for one more. */
const MAX_CONNECTIONS = 2_000;
/** How often they are looked at. */
const LOOK_MS = 500;

interface Entry {
  readonly endsAtMs: number;
  readonly maxBytesRead: number;
  bytesRead: number;
  /** When something came last, by `performance.now()`. */
  activeAtMs: number;
}

export function createLinger(isDraining: () => boolean): Linger {
  const entries = new Map<Socket, Entry>();
  let timer: NodeJS.Timeout | undefined;
  const look = () => {
    const nowMs = performance.now();
    const idleMs = isDraining() ? DRAINING_IDLE_MS : IDLE_MS;
    for (const [socket, entry] of entries) {
      if (socket.bytesRead > entry.bytesRead) entry.activeAtMs = nowMs;
      entry.bytesRead = socket.bytesRead;
      if (isOver(entry, nowMs, idleMs)) socket.destroy();
    }
  };
  const forget = (socket: Socket) => {
    entries.delete(socket);
    if (entries.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
  return (socket) => {
    if (socket.destroyed || entries.has(socket)) return;
    socket.end();
    // Node's HTTP server starts the reading again on `resume`, and no longer once its parser is off.
    if (socket.isPaused()) socket.once("resume", () => drop(socket)).resume();
    else drop(socket);
    const [oldest] = entries.keys();
    if (entries.size >= MAX_CONNECTIONS) oldest?.destroy();
    const nowMs = performance.now();
    const { bytesRead } = socket;
    entries.set(socket, {
      endsAtMs: nowMs + LINGER_MS,
      maxBytesRead: bytesRead + MAX_BYTES,
      bytesRead,
      activeAtMs: nowMs,
    });
    timer ??= setInterval(look, LOOK_MS).unref();
    socket.once("close", () => forget(socket));
  };
}

/** Takes a connection from Node's parser, which would make requests of what comes. */
function drop(socket: Socket): void {
  socket.removeAllListeners("data");
  socket.on("data", () => undefined);
}

function isOver(
  { endsAtMs, maxBytesRead, bytesRead, activeAtMs }: Entry,
  nowMs: number,
  idleMs: number,
): boolean {
  return nowMs >= endsAtMs || nowMs >= activeAtMs + idleMs || bytesRead > maxBytesRead;
}
