/** WebSockets that send the same text again and again, with the least work: whole frames that are formed once. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface EchoSocket {
  /** Begins to send. The next message leaves when the last one has come back. */
  begin(counts: EchoCounts): void;
  /** Closes with the code 1000. Rejects if the server does not answer it. */
  close(): Promise<void>;
}

export interface EchoCounts {
  /** Number of messages that came back. */
  messages: number;
  errors: number;
}

const TEXT = 0x81;
const CLOSE = 0x88;
/** A client masks its frames. A mask of zeros leaves the bytes as they are. */
const MASKED = 0x80;
const NO_MASK = [0, 0, 0, 0];
const NORMAL_CLOSURE = [0x03, 0xe8];

/** How long a server may take to open a socket, or to answer the close of one. */
const LIMIT_MS = 10_000;

/** Opens a socket. The text is at most 125 bytes of ASCII. */
export async function openEchoSocket(url: string, text: string): Promise<EchoSocket> {
  const { hostname, port, pathname, host } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.setNoDelay(true);
  const key = randomBytes(16).toString("base64");
  socket.write(
    `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  );
  await readHead(socket, url);
  const payload = Buffer.from(text, "latin1");
  const outgoing = Buffer.from([TEXT, MASKED | payload.byteLength, ...NO_MASK, ...payload]);
  const expected = Buffer.from([TEXT, payload.byteLength, ...payload]);
  return {
    begin(counts) {
      onFrames(socket, expected, counts, () => socket.write(outgoing));
      socket.write(outgoing);
    },
    async close() {
      socket.removeAllListeners("data");
      socket.resume();
      const closed = once(socket, "close", { signal: AbortSignal.timeout(LIMIT_MS) });
      socket.write(Buffer.from([CLOSE, MASKED | NORMAL_CLOSURE.length, ...NO_MASK, ...NORMAL_CLOSURE]));
      await closed;
    },
  };
}

/** The answer to the request is one read: the server has nothing to say before the first message. */
async function readHead(socket: Socket, url: string): Promise<void> {
  const [chunk] = (await once(socket, "data", { signal: AbortSignal.timeout(LIMIT_MS) })) as [Buffer];
  const head = chunk.toString("latin1");
  if (head.startsWith("HTTP/1.1 101 ") && head.endsWith("\r\n\r\n")) return;
  socket.destroy();
  throw new Error(`${url}: ${head.slice(0, 200)}`);
}

function onFrames(socket: Socket, expected: Buffer, counts: EchoCounts, next: () => void): void {
  let pending: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    pending = pending.byteLength === 0 ? chunk : Buffer.concat([pending, chunk]);
    if (pending.byteLength < expected.byteLength) return;
    if (pending.equals(expected)) counts.messages += 1;
    else counts.errors += 1;
    pending = Buffer.alloc(0);
    next();
  });
  socket.on("error", () => {
    counts.errors += 1;
  });
}
