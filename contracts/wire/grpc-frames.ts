/**
 * Length-prefixed messages of gRPC: a byte that says whether the message is compressed, four bytes with its length, and the
 * message.
 */

/** Bytes before each message. */
export const GRPC_PREFIX_BYTES = 5;

/** A message with its prefix. */
export function frameMessage(message: Uint8Array, isCompressed = false): Uint8Array {
  const framed = new Uint8Array(GRPC_PREFIX_BYTES + message.byteLength);
  framed[0] = isCompressed ? 1 : 0;
  new DataView(framed.buffer).setUint32(1, message.byteLength);
  framed.set(message, GRPC_PREFIX_BYTES);
  return framed;
}

/** A fault in a body of gRPC. */
export type FrameFault =
  /** The first byte of a prefix is neither 0 nor 1. */
  | { kind: "bad-flag"; flag: number }
  /** A message is compressed, and no encoding is named. */
  | { kind: "not-encoded" }
  | { kind: "too-large"; bytes: number; maxBytes: number }
  /** The body ended within a message. */
  | { kind: "cut" };

export interface ScannerOptions {
  /** Upper bound of one message, as it travels. */
  maxBytes: number;
  /** Whether messages may be compressed. */
  mayCompress: boolean;
}

/** Follows the messages of a body without keeping them. */
export class FrameScanner {
  readonly #options: ScannerOptions;
  #messages = 0;
  /** Bytes of the present message that are still to come. */
  #missing = 0;
  #prefixBytes = 0;
  #length = 0;

  constructor(options: ScannerOptions) {
    this.#options = options;
  }

  /** The number of messages that have begun. */
  get messages(): number {
    return this.#messages;
  }

  /** Follows the next bytes. After a fault nothing more may be added. */
  add(bytes: Uint8Array): FrameFault | undefined {
    let at = 0;
    while (at < bytes.byteLength) {
      if (this.#missing > 0) {
        const step = Math.min(this.#missing, bytes.byteLength - at);
        this.#missing -= step;
        at += step;
        continue;
      }
      const fault = this.#addToPrefix(bytes[at] ?? 0);
      if (fault !== undefined) return fault;
      at += 1;
    }
    return undefined;
  }

  /** The body is over. */
  end(): FrameFault | undefined {
    return this.#missing > 0 || this.#prefixBytes > 0 ? { kind: "cut" } : undefined;
  }

  #addToPrefix(byte: number): FrameFault | undefined {
    if (this.#prefixBytes === 0) {
      if (byte > 1) return { kind: "bad-flag", flag: byte };
      if (byte === 1 && !this.#options.mayCompress) return { kind: "not-encoded" };
      this.#length = 0;
    } else this.#length = this.#length * 256 + byte;
    this.#prefixBytes += 1;
    if (this.#prefixBytes < GRPC_PREFIX_BYTES) return undefined;
    this.#prefixBytes = 0;
    this.#messages += 1;
    this.#missing = this.#length;
    const { maxBytes } = this.#options;
    return this.#length > maxBytes ? { kind: "too-large", bytes: this.#length, maxBytes } : undefined;
  }
}

/** A message out of a body. */
export interface GrpcMessage {
  isCompressed: boolean;
  data: Uint8Array;
}

/** The messages of a whole body; undefined where it does not consist of whole ones. They are parts of the body's memory. */
export function splitMessages(body: Uint8Array): GrpcMessage[] | undefined {
  const messages: GrpcMessage[] = [];
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  let at = 0;
  while (at < body.byteLength) {
    if (body.byteLength - at < GRPC_PREFIX_BYTES) return undefined;
    const flag = view.getUint8(at);
    const end = at + GRPC_PREFIX_BYTES + view.getUint32(at + 1);
    if (flag > 1 || end > body.byteLength) return undefined;
    messages.push({ isCompressed: flag === 1, data: body.subarray(at + GRPC_PREFIX_BYTES, end) });
    at = end;
  }
  return messages;
}

/** Takes the messages out of a body that comes in pieces. */
export class MessageReader {
  readonly #scanner: FrameScanner;
  #bytes: Uint8Array = new Uint8Array();

  constructor(options: ScannerOptions) {
    this.#scanner = new FrameScanner(options);
  }

  /** The messages that are whole now. After a fault nothing more may be added. */
  add(piece: Uint8Array): GrpcMessage[] | FrameFault {
    const fault = this.#scanner.add(piece);
    if (fault !== undefined) return fault;
    const joined = new Uint8Array(this.#bytes.byteLength + piece.byteLength);
    joined.set(this.#bytes);
    joined.set(piece, this.#bytes.byteLength);
    const end = wholeBytes(joined);
    this.#bytes = joined.slice(end);
    return splitMessages(joined.subarray(0, end)) ?? [];
  }

  /** The body is over. */
  end(): FrameFault | undefined {
    return this.#scanner.end();
  }
}

/** How many of the bytes are whole messages. */
function wholeBytes(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (bytes.byteLength - at >= GRPC_PREFIX_BYTES) {
    const end = at + GRPC_PREFIX_BYTES + view.getUint32(at + 1);
    if (end > bytes.byteLength) break;
    at = end;
  }
  return at;
}
