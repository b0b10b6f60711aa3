/**
 * The frames between a gateway and a host process on one machine (docs/wire.md, "The short path"): their types, bounds and
 * contents. All numbers are little-endian. Both sides write frames with `FrameBatch`, and read them with `FrameSplitter`.
 *
 * I1  A content is read only within its frame. A length in it that goes beyond makes the frame unreadable.
 * I2  Texts are one byte a character: heads and header blocks as HTTP has them.
 */
import { MAX_FRAME_BYTES } from "./stream.ts";

export const SOCKET_VERSION = 1;

/** The types of frames. `hello` is the first frame of each side. Gateways alone send `request`, hosts alone the answers. */
export const socketFrames = {
  hello: 0,
  request: 1,
  /** A frame of a stream (stream.ts). */
  stream: 2,
  /** A whole response. */
  response: 3,
  /** The head of a streamed response. */
  head: 4,
  /** An error of the catalogue. */
  error: 5,
  /** Sent back as it came. By then every earlier request was taken or refused. */
  ping: 6,
  /** Of a host: it takes nothing new. Of a gateway, as its answer: the last frame that it sends. */
  leave: 7,
} as const;
export type SocketFrameType = (typeof socketFrames)[keyof typeof socketFrames];

/** Of a request: bits of its flags. */
export const requestFlags = {
  /** The gateway takes streams. */
  streams: 1,
  /** The frame has the beginning of the body; stream frames have the rest. */
  streamedBody: 2,
  /** The client asks for a WebSocket. */
  upgrade: 4,
} as const;

/** `u32` bytes of the rest, `u8` type, `u48` number of the request. */
export const FRAME_HEADER_BYTES = 11;
/** Upper bound of a request's head, and of a header block. */
export const MAX_SOCKET_HEAD_BYTES = 1024 * 1024;
/** Upper bound of a body in one frame: what a whole message over NATS may carry. */
export const MAX_SOCKET_BODY_BYTES = 8 * 1024 * 1024;
/** Upper bound of the length that a frame says. */
export const MAX_SOCKET_FRAME_BYTES = MAX_SOCKET_HEAD_BYTES + MAX_SOCKET_BODY_BYTES + MAX_FRAME_BYTES;

/** The parts of a request's frame. Its body is `bytes` from `bodyStart` to the end of the frame. */
export interface RequestFrame {
  /** The number of the instance in its host process. */
  readonly instance: number;
  readonly flags: number;
  readonly hops: number;
  readonly timeoutMs: number;
  /** See `readRequestHead`. */
  readonly head: string;
  readonly bodyStart: number;
}

/** `u32` instance, `u8` flags, `u8` hops, `u32` milliseconds, `u32` bytes of the head. */
export const REQUEST_PREFIX_BYTES = 14;

/** Reads a request; undefined where its frame is malformed. */
export function readRequestFrame(bytes: Buffer, start: number, end: number): RequestFrame | undefined {
  if (end - start < REQUEST_PREFIX_BYTES) return undefined;
  const headStart = start + REQUEST_PREFIX_BYTES;
  const headBytes = bytes.readUInt32LE(start + 10);
  if (headBytes > MAX_SOCKET_HEAD_BYTES || headBytes > end - headStart) return undefined;
  const bodyStart = headStart + headBytes;
  if (end - bodyStart > MAX_SOCKET_BODY_BYTES) return undefined;
  return {
    instance: bytes.readUInt32LE(start),
    flags: bytes.readUInt8(start + 4),
    hops: bytes.readUInt8(start + 5),
    timeoutMs: bytes.readUInt32LE(start + 6),
    head: bytes.toString("latin1", headStart, bodyStart),
    bodyStart,
  };
}

/** The parts of a response's frame, or of the head of a streamed one. */
export interface ResponseFrame {
  readonly status: number;
  /** `name\nvalue\n…`. */
  readonly block: string;
  readonly bodyStart: number;
}

/** `u16` status, `u32` bytes of the block. */
export const RESPONSE_PREFIX_BYTES = 6;

/** Reads a response or a head; undefined where its frame is malformed. */
export function readResponseFrame(bytes: Buffer, start: number, end: number): ResponseFrame | undefined {
  if (end - start < RESPONSE_PREFIX_BYTES) return undefined;
  const status = bytes.readUInt16LE(start);
  if (status !== 101 && (status < 200 || status > 599)) return undefined;
  const blockStart = start + RESPONSE_PREFIX_BYTES;
  const blockBytes = bytes.readUInt32LE(start + 2);
  if (blockBytes > MAX_SOCKET_HEAD_BYTES || blockBytes > end - blockStart) return undefined;
  const bodyStart = blockStart + blockBytes;
  if (end - bodyStart > MAX_SOCKET_BODY_BYTES) return undefined;
  return { status, block: bytes.toString("latin1", blockStart, bodyStart), bodyStart };
}

/** The parts of a stream's frame. */
export interface StreamFrame {
  /** As `formatFrame` writes it. */
  readonly text: string;
  /** `name\nvalue\n…`. */
  readonly trailers: string;
  readonly payloadStart: number;
}

/** Reads a frame of a stream; undefined where it is malformed. */
export function readStreamFrame(bytes: Buffer, start: number, end: number): StreamFrame | undefined {
  if (end - start < 5) return undefined;
  const textEnd = start + 1 + bytes.readUInt8(start);
  const trailersStart = textEnd + 4;
  if (trailersStart > end) return undefined;
  const trailerBytes = bytes.readUInt32LE(textEnd);
  if (trailerBytes > MAX_SOCKET_HEAD_BYTES || trailerBytes > end - trailersStart) return undefined;
  const payloadStart = trailersStart + trailerBytes;
  if (end - payloadStart > MAX_FRAME_BYTES) return undefined;
  return {
    text: bytes.toString("latin1", start + 1, textEnd),
    trailers: trailerBytes === 0 ? "" : bytes.toString("latin1", trailersStart, payloadStart),
    payloadStart,
  };
}

/** The parts of an error's frame. */
export interface ErrorFrame {
  readonly code: string;
  /** The value of the limit that was met. */
  readonly limit: number | undefined;
}

/** Reads an error; undefined where its frame is malformed. */
export function readErrorFrame(bytes: Buffer, start: number, end: number): ErrorFrame | undefined {
  if (end === start) return undefined;
  const codeEnd = start + 1 + bytes.readUInt8(start);
  if (codeEnd + 8 !== end) return undefined;
  const limit = bytes.readDoubleLE(codeEnd);
  return {
    code: bytes.toString("latin1", start + 1, codeEnd),
    limit: Number.isSafeInteger(limit) && limit >= 0 ? limit : undefined,
  };
}
