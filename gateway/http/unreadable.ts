/** Answers on a connection for which there is no response object: its request could not be read, or is no handshake. */
import { maxHeaderSize, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { type GatewayResponse, problemResponse } from "./gateway-response.ts";

/** What Node's parser says of a request that it cannot read. */
export interface ParserError extends NodeJS.ErrnoException {
  reason?: string;
}

/** Whether an error is about what a client sent, and not about its connection. */
export function isUnreadable({ code = "" }: ParserError): boolean {
  return code.startsWith("HPE_") || code === REQUEST_TIMEOUT;
}

/** What Node says of a request whose header fields do not come. */
const REQUEST_TIMEOUT = "ERR_HTTP_REQUEST_TIMEOUT";

/** The answer to what Node's parser cannot make a request of. */
export function unreadableResponse(error: ParserError, requestId: string): GatewayResponse {
  if (error.code === REQUEST_TIMEOUT) return problemResponse("REQUEST_TIMEOUT", requestId);
  return error.code === "HPE_HEADER_OVERFLOW"
    ? problemResponse("HEADERS_TOO_LARGE", requestId, `the limit is ${maxHeaderSize} bytes`)
    : problemResponse("BAD_REQUEST", requestId, asciiOf(error.reason ?? error.message));
}

/** What asked for a WebSocket, but is not the handshake of one (RFC 6455, section 4.2.1). */
export function noHandshakeResponse(reason: string, requestId: string): GatewayResponse {
  // The versions that there are: whoever came with another may come again.
  const extra = ["Sec-WebSocket-Version", "13, 8"];
  return problemResponse("BAD_REQUEST", requestId, asciiOf(reason), extra);
}

/** Writes an answer that is the last of its connection, and closes that. */
export function writeLast(
  socket: Socket,
  requestId: string,
  { status, headers, body }: GatewayResponse,
): void {
  const fields = [...headers, "X-Request-Id", requestId, "Connection", "close"];
  const lines = Array.from(
    { length: fields.length / 2 },
    (_, n) => `${fields[2 * n]}: ${fields[2 * n + 1]}\r\n`,
  );
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n`;
  socket.write(`${head}${Buffer.from(body ?? []).toString()}`);
  socket.destroySoon();
}

const MAX_REASON_LENGTH = 200;

/** A client's text, as far as it can stand in an answer. */
export function asciiOf(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?").slice(0, MAX_REASON_LENGTH);
}
