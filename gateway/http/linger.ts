/**
 * Closes connections whose clients may still send. Closing a connection under incoming bytes resets it, and the client's
 * system then drops the answer that its program has not read. So this side is closed first, and incoming bytes are read and
 * dropped. The connection is closed when the client has closed its side, or its time is over (RFC 9112, section 9.6).
 */
import type { Socket } from "node:net";

/**
 * Sends the written bytes and closes this side. Closes the connection when the client has closed its side, after 30 s at
 * the latest.
 */
export type Linger = (socket: Socket) => void;

/** How long one client may linger in all, and how long it may pause, also while the gateway drains. */
const LINGER_MS = 30_000;
const IDLE_MS = 5_000;
const DRAINING_IDLE_MS = 500;
const MAX_BYTES = 256 * 1024 * 1024;
/** Upper bound of the connections that linger at a time. The oldest is closed for a further one. */
const MAX_CONNECTIONS = 2_000;
/** How often lingering connections are checked. */
const LOOK_MS = 500;

interface Entry {
  readonly endsAtMs: number;
  readonly maxBytesRead: number;
  bytesRead: number;
  /** The time of the last incoming bytes, by `performance.now()`. */
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
    // Node's HTTP server reads again at `resume`. Once its parser is detached it does not.
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

/** Takes a connection from Node's parser, which would parse incoming bytes as requests. */
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
