/** Answers on a connection for which there is no response object: its request could not be read, or is no handshake. */
import { randomUUID } from "node:crypto";
import { maxHeaderSize, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type GatewayResponse, problemResponse } from "./gateway-response.ts";

/** What Node's parser says of a request that it cannot read. */
export interface ParserError extends NodeJS.ErrnoException {
  reason?: string;
}

/** A connection that was reset because its client still wrote would lose the answer. */
const LINGER_MS = 2_000;
const answered = new WeakSet<Duplex>();

/** What Node's parser cannot make a request of: there is no request to answer, only a socket. */
export function answerUnreadable(error: ParserError, socket: Duplex): void {
  // Every further piece of the same request comes here again.
  if (answered.has(socket)) return;
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  answered.add(socket);
  const requestId = randomUUID();
  endWith(
    socket,
    requestId,
    error.code === "HPE_HEADER_OVERFLOW"
      ? problemResponse("HEADERS_TOO_LARGE", requestId, `the limit is ${maxHeaderSize} bytes`)
      : problemResponse("BAD_REQUEST", requestId, asciiOf(error.reason ?? error.message)),
  );
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once("close", () => clearTimeout(timer));
}

/** What asked for a WebSocket, but is not the handshake of one (RFC 6455, section 4.2.1). */
export function answerNoHandshake(reason: string, socket: Duplex, requestId: string = randomUUID()): void {
  // The versions that there are: whoever came with another may come again.
  const extra = ["Sec-WebSocket-Version", "13, 8"];
  endWith(socket, requestId, problemResponse("BAD_REQUEST", requestId, asciiOf(reason), extra));
}

function endWith(socket: Duplex, requestId: string, { status, headers, body }: GatewayResponse): void {
  const fields = [...headers, "X-Request-Id", requestId, "Connection", "close"];
  const lines = Array.from(
    { length: fields.length / 2 },
    (_, n) => `${fields[2 * n]}: ${fields[2 * n + 1]}\r\n`,
  );
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n`;
  socket.end(`${head}${Buffer.from(body ?? []).toString()}`);
}

const MAX_REASON_LENGTH = 200;

function asciiOf(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?").slice(0, MAX_REASON_LENGTH);
}
