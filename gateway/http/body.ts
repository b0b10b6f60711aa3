/**
 * Reads a request's body: whole where it is small, else its beginning, and the rest while it is sent on.
 *
 * I1  A body is never read beyond its limit. A body whose announced length is over it is not read at all.
 * I2  At most one chunk more is read than there is credit for.
 * I3  An unwanted body is read on and dropped: its client may look at the answer only after it has sent all of it.
 * I4  A body of known length is sent on when it is whole, or too large for one message: a slow one takes no place at
 *     an instance meanwhile, and its memory is bounded (gathering.ts). A body of unknown length is shown as it comes.
 * I5  A body that ends early (its client went away) is reported as broken, never as whole.
 */
import { type IncomingMessage, maxHeaderSize, type ServerResponse } from "node:http";
import { ByteQueue, type ErrorCode, isHopByHopHeader, isReservedHeader } from "../../contracts/index.ts";
import { createHeaders, type Headers, type Nats } from "../../nats/index.ts";
import type { RemainingBody, StreamSender } from "../../streams/index.ts";
import type { GatheredBody } from "./gathering.ts";

export type Body =
  | { kind: "whole"; data: Uint8Array }
  /** `first`: the bytes that have been read. */
  | { kind: "stream"; first: Uint8Array; rest: RemainingBody }
  | { kind: "too-large" }
  /** It came too slowly, or there is no room for it. */
  | { kind: "refused"; code: ErrorCode }
  /** The client went away. */
  | { kind: "gone" };

export interface ReadBodyOptions {
  maxBytes: number;
  /** A larger body is streamed. */
  maxWholeBytes: number;
  /** How long a body that is not streamed may take. */
  maxWholeMs: number;
  /** Asks for room for a body that comes slowly. */
  gather(refuse: (code: ErrorCode) => void): GatheredBody;
  /** A streamed body has passed `maxBytes`. */
  onTooLarge(): void;
}

const EMPTY = new Uint8Array();

/** Upper bound of the headers of a message: the client's, twice (ISO-8859-1 as UTF-8), and the gateway's own. */
const HEAD_ROOM_BYTES = 2 * maxHeaderSize + 1_024;

/** The largest body that one message carries besides its headers. */
export function maxMessageBody({ maxPayload }: Pick<Nats, "maxPayload">): number {
  return maxPayload - HEAD_ROOM_BYTES;
}

/** Reads the body of a request that has one. `onBody` is called once. */
export function readBody(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  options: ReadBodyOptions,
  onBody: (body: Body) => void,
): void {
  const { maxBytes, maxWholeBytes } = options;
  if (Number(incoming.headers["content-length"] ?? 0) > maxBytes) {
    onBody({ kind: "too-large" });
    return;
  }
  // Not earlier: a client that asked first learns that its body is not wanted before it sends any of it.
  if (incoming.headers.expect !== undefined) outgoing.writeContinue();
  const chunks = new ByteQueue();
  let size = 0;
  let isOver = false;
  let gathered: GatheredBody | undefined;
  const streamFrom = () => {
    leave();
    finish({ kind: "stream", first: wholeOf(chunks), rest: restOf(incoming, size, options) });
  };
  const refuse = (code: ErrorCode) => {
    leave();
    finish({ kind: "refused", code });
  };
  const onSlow = () => {
    // Its client may wait for an answer to the bytes that it has sent.
    if (maxWholeBytes < maxBytes && incoming.headers["content-length"] === undefined) return streamFrom();
    timer = setTimeout(refuse, options.maxWholeMs, "STREAM_LIMIT");
    gathered = options.gather(refuse);
    gathered.add(size);
  };
  let timer = setTimeout(onSlow, MAX_WAIT_MS);
  const finish = (body: Body) => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    gathered?.leave();
    onBody(body);
  };
  /** The body is not at its end: others may listen for the rest. */
  const leave = () => {
    incoming.pause();
    incoming.off("data", onData).off("end", onEnd).off("close", onClose);
  };
  const onData = (chunk: Buffer) => {
    size += chunk.length;
    chunks.push(chunk);
    if (size <= maxBytes && size <= maxWholeBytes) return gathered?.add(chunk.length);
    if (size <= maxBytes) return streamFrom();
    leave();
    finish({ kind: "too-large" });
  };
  const onEnd = () => finish({ kind: "whole", data: wholeOf(chunks) });
  // Without a listener for it, Node reports no error, but the close only.
  const onClose = () => finish({ kind: "gone" });
  incoming.on("data", onData).on("end", onEnd).on("close", onClose);
}

/** Without a copy where it is one piece. */
function wholeOf(chunks: ByteQueue): Uint8Array {
  const first = chunks.shift() ?? EMPTY;
  return chunks.byteLength === 0 ? first : Buffer.concat([first, chunks.concat()]);
}

/** How long the gateway waits for a small body of unknown length, so that it travels in one message. */
const MAX_WAIT_MS = 20;

function restOf(incoming: IncomingMessage, alreadyRead: number, options: ReadBodyOptions): RemainingBody {
  let size = alreadyRead;
  let isWanted = true;
  return {
    pipe(sender: StreamSender) {
      const finish = () => incoming.off("data", onData).off("end", onEnd).off("close", onClose);
      const onData = (chunk: Buffer) => {
        size += chunk.length;
        if (size > options.maxBytes) {
          finish();
          incoming.pause();
          if (!isWanted) return;
          sender.break("BODY_TOO_LARGE");
          return options.onTooLarge();
        }
        sender.write(chunk, () => release(chunk));
        if (sender.isFull) incoming.pause();
      };
      const onEnd = () => {
        finish();
        sender.end(trailersOf(incoming));
      };
      // A body that was whole before this has reported its end already.
      if (incoming.readableEnded) {
        sender.end(trailersOf(incoming));
        return () => undefined;
      }
      // The end of the connection ends the whole request, and the request's owner hears of it first.
      const onClose = () => void finish();
      incoming.on("data", onData).on("end", onEnd).on("close", onClose);
      incoming.resume();
      return () => {
        if (!sender.isFull) incoming.resume();
      };
    },
    cancel() {
      isWanted = false;
      incoming.resume();
    },
  };
}

/**
 * Returns a chunk's memory at once: Node allocates memory for every chunk of a body, and V8 would collect it late,
 * after it has grown by much.
 */
function release({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

/** Header fields that came after the body (RFC 9110, section 6.5). */
function trailersOf({ rawTrailers }: IncomingMessage): Headers {
  const fields: [string, string][] = [];
  for (let index = 0; index + 1 < rawTrailers.length; index += 2) {
    const [name = "", value = ""] = rawTrailers.slice(index, index + 2);
    if (!isReservedHeader(name) && !isHopByHopHeader(name.toLowerCase())) fields.push([name, value]);
  }
  return createHeaders(fields);
}

/** Whether a request has a body to wait for. */
export function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers["content-length"];
  return (length !== undefined && length !== "0") || headers["transfer-encoding"] !== undefined;
}
