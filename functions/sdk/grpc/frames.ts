/**
 * Messages in frames of five bytes, as gRPC, gRPC-Web and the streams of Connect have them: a byte of flags, the length in 32
 * bits, the message.
 */
import { concat } from "./base64.ts";
import { GrpcError } from "./grpc-error.ts";

/** The message is compressed by the encoding that the header names. */
export const COMPRESSED = 0x01;
/** The last frame of a stream of Connect. */
export const CONNECT_END = 0x02;
/** The frame with the trailers in gRPC-Web. */
export const WEB_TRAILERS = 0x80;

const HEAD_BYTES = 5;

export interface Frame {
  flags: number;
  bytes: Uint8Array;
}

export function frame(flags: number, message: Uint8Array): Uint8Array<ArrayBuffer> {
  const { byteLength } = message;
  const framed = new Uint8Array(HEAD_BYTES + byteLength);
  framed[0] = flags;
  writeLength(framed, byteLength);
  framed.set(message, HEAD_BYTES);
  return framed;
}

function writeLength(framed: Uint8Array, length: number): void {
  framed[1] = length >>> 24;
  framed[2] = length >>> 16;
  framed[3] = length >>> 8;
  framed[4] = length;
}

function lengthAt(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(at + 1, at + HEAD_BYTES);
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

/** The frame that is all of the bytes. Undefined for anything else. */
export function onlyFrame(bytes: Uint8Array): Frame | undefined {
  if (bytes.byteLength < HEAD_BYTES || lengthAt(bytes, 0) !== bytes.byteLength - HEAD_BYTES) return undefined;
  return { flags: bytes[0] ?? 0, bytes: bytes.subarray(HEAD_BYTES) };
}

export function tooLarge(bytes: number, maxBytes: number): GrpcError {
  return new GrpcError(
    "RESOURCE_EXHAUSTED",
    `the message has ${bytes} bytes, more than the ${maxBytes} that the service accepts`,
  );
}

/** The frames of a body as they come. Errors: RESOURCE_EXHAUSTED for a long one, INVALID_ARGUMENT for a body that ends within one. */
export async function* readFrames(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Frame, void, undefined> {
  const splitter = new FrameSplitter(maxBytes);
  for await (const piece of body) yield* splitter.add(piece);
  splitter.end();
}

class FrameSplitter {
  readonly #maxBytes: number;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  /** Bytes that the next frame needs, as far as they are known. */
  #wanted = HEAD_BYTES;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  *add(piece: Uint8Array): Generator<Frame, void, undefined> {
    if (piece.byteLength === 0) return;
    this.#parts.push(piece);
    this.#bytes += piece.byteLength;
    // The pieces of a large message are joined once.
    if (this.#bytes < this.#wanted) return;
    const bytes = this.#parts.length === 1 ? piece : concat(this.#parts);
    let at = 0;
    for (;;) {
      const left = bytes.byteLength - at;
      this.#wanted = HEAD_BYTES;
      if (left < HEAD_BYTES) break;
      const length = lengthAt(bytes, at);
      if (length > this.#maxBytes) throw tooLarge(length, this.#maxBytes);
      this.#wanted = HEAD_BYTES + length;
      if (left < this.#wanted) break;
      yield { flags: bytes[at] ?? 0, bytes: bytes.subarray(at + HEAD_BYTES, at + this.#wanted) };
      at += this.#wanted;
    }
    this.#parts = at === bytes.byteLength ? [] : [bytes.subarray(at)];
    this.#bytes = bytes.byteLength - at;
  }

  end(): void {
    if (this.#bytes === 0) return;
    throw new GrpcError("INVALID_ARGUMENT", "the body ends in the middle of a message");
  }
}
