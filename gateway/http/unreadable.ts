/** Answers on a connection without a response object: its request could not be read, or is no handshake. */
import { maxHeaderSize, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { type GatewayResponse, problemResponse } from "./gateway-response.ts";

/** The error of Node's parser at a request that it cannot read. */
export interface ParserError extends NodeJS.ErrnoException {
  reason?: string;
}

/** Whether an error is about the bytes of a client, and not about its connection. */
export function isUnreadable({ code = "" }: ParserError): boolean {
  return code.startsWith("HPE_") || code === REQUEST_TIMEOUT;
}

/** Node's code for a request whose header fields do not come in time. */
const REQUEST_TIMEOUT = "ERR_HTTP_REQUEST_TIMEOUT";

/** The answer to input that Node's parser cannot read. */
export function unreadableResponse(error: ParserError, requestId: string): GatewayResponse {
  if (error.code === REQUEST_TIMEOUT) return problemResponse("REQUEST_TIMEOUT", requestId);
  return error.code === "HPE_HEADER_OVERFLOW"
    ? problemResponse("HEADERS_TOO_LARGE", requestId, `the limit is ${maxHeaderSize} bytes`)
    : problemResponse("BAD_REQUEST", requestId, asciiOf(error.reason ?? error.message));
}

/** The answer to a request for a WebSocket that is not a valid handshake (RFC 6455, section 4.2.1). */
export function noHandshakeResponse(reason: string, requestId: string): GatewayResponse {
  // The known versions. A client with another version may try again.
  const extra = ["Sec-WebSocket-Version", "13, 8"];
  return problemResponse("BAD_REQUEST", requestId, asciiOf(reason), extra);
}

/** Writes the last answer of a connection, and closes the connection. */
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
