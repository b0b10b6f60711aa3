/**
 * Writes an answer whose body comes in frames.
 *
 * I1  An answer with an announced length is whole when it has as many bytes, another one when its body ended as whole.
 *     Otherwise its connection is cut, so that no client takes the answer for whole.
 * I2  Bytes that wait for a slow reader are joined: many small pieces would take a hundred times their size.
 * I3  Credit goes back when the operating system has taken the bytes: a slow reader slows the writer.
 * I4  A chunk of few bytes is written to the connection as one piece where nothing waits in it. Node would write its length, its
 *     bytes and its end as four pieces, which takes twice the time.
 */
import type { ServerResponse } from "node:http";
import { ByteQueue, decodeTrailers } from "../../contracts/index.ts";
import type { ResponseBody, StreamEnd } from "../../streams/index.ts";
import { latin1Of } from "./latin1-of.ts";

/** The head of an answer, without a length of the gateway's own. */
export interface StreamHead {
  status: number;
  /** Names and values alternating, one character a byte. */
  headers: string[];
  /** The length that the service announced. */
  length: number | undefined;
}

const MIN_HELD_BYTES = 16 * 1024;

export function writeStream(outgoing: ServerResponse, head: StreamHead, body: ResponseBody): void {
  const { status, headers, length } = head;
  if (length !== undefined) headers.push("Content-Length", String(length));
  outgoing.writeHead(status, headers);
  outgoing.flushHeaders();
  let sent = 0;
  const waiting = new ByteQueue();
  const write = (bytes: Uint8Array, release?: () => void) => {
    outgoing.write(bytes, (error) => {
      release?.();
      if (error === null || error === undefined) body.consumed(bytes.byteLength);
    });
  };
  const writeLittle = (bytes: Uint8Array) => {
    const { socket } = outgoing;
    // Without a socket the answer waits for the one before it on its connection. An empty chunk would end it.
    if (!socket?.writable || outgoing.writableLength > 0 || bytes.byteLength === 0)
      return write(Buffer.from(bytes));
    const text = latin1Of(bytes);
    const chunk = outgoing.chunkedEncoding ? `${text.length.toString(16)}\r\n${text}\r\n` : text;
    socket.write(chunk, "latin1", (error) => {
      if (error === null || error === undefined) body.consumed(text.length);
    });
  };
  const writeWaiting = () => {
    for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) write(part);
  };
  outgoing.on("drain", writeWaiting);
  body.open({
    onData(bytes, lease) {
      sent += bytes.byteLength;
      if (length !== undefined && sent > length) return cut(outgoing);
      const isLittle = bytes.byteLength < MIN_HELD_BYTES;
      if (waiting.byteLength > 0 || (isLittle && outgoing.writableNeedDrain))
        return waiting.push(Buffer.from(bytes));
      // A copy of few bytes is cheap, and frees the large read buffer around them.
      if (isLittle) return writeLittle(bytes);
      const release = lease.hold();
      write(release === undefined ? Buffer.from(bytes) : bytes, release);
    },
    onEnd(how) {
      if (outgoing.destroyed) return;
      const isWhole = length === undefined ? how.kind !== "broken" : sent === length;
      if (!isWhole) return cut(outgoing);
      writeWaiting();
      addTrailers(outgoing, how);
      outgoing.end();
    },
  });
}

/**
 * A client of HTTP/1.0 takes the end of the connection for the end of the body. Only a reset tells it that the body is not
 * whole.
 */
function cut(outgoing: ServerResponse): void {
  if (outgoing.chunkedEncoding || outgoing.hasHeader("content-length")) outgoing.destroy();
  else outgoing.socket?.resetAndDestroy();
}

function addTrailers(outgoing: ServerResponse, end: StreamEnd): void {
  if (end.kind !== "whole" || end.trailers.size === 0 || !outgoing.chunkedEncoding) return;
  const fields = decodeTrailers(end.trailers);
  if (fields !== undefined) outgoing.addTrailers(fields);
}
