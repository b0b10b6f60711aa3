/**
 * Frames of the protocols of Runtara: a length in 32 bits and a type in 16 bits, both with their highest byte first, and the
 * payload. They need no connection: bytes come in any pieces.
 *
 * I1  A length is checked before a byte of the payload is kept, and memory is taken for bytes that came, not for announced ones.
 * I2  After a fault nothing more is read: the place of the next frame is unknown.
 * I3  The bytes of a payload are copied once, however many pieces they come in. Until its frame is whole a piece stays as it is.
 */

/** Bytes before each payload. */
export const FRAME_HEAD_BYTES = 6;

/** Upper bound of a payload. */
export const MAX_PAYLOAD_BYTES = 64 * 1024 * 1024;

export const frameTypes = {
  request: 1,
  response: 2,
  streamStart: 3,
  streamData: 4,
  streamEnd: 5,
  error: 6,
} as const;

export type FrameType = keyof typeof frameTypes;

export interface ProtocolFrame {
  type: FrameType;
  payload: Uint8Array;
}

export type ProtocolFault =
  | { kind: "too-large"; bytes: number; maxBytes: number }
  | { kind: "unknown-type"; type: number }
  /** The bytes ended within a frame. */
  | { kind: "cut" };

const TYPES = new Map(
  Object.entries(frameTypes).map(([name, number]) => [number as number, name as FrameType]),
);

/** Error: RangeError, for a payload beyond the bound. */
export function encodeFrame(type: FrameType, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  if (payload.byteLength > MAX_PAYLOAD_BYTES)
    throw new RangeError(`a frame has at most ${MAX_PAYLOAD_BYTES} bytes, not ${payload.byteLength}`);
  const frame = new Uint8Array(FRAME_HEAD_BYTES + payload.byteLength);
  const view = new DataView(frame.buffer);
  view.setUint32(0, payload.byteLength);
  view.setUint16(4, frameTypes[type]);
  frame.set(payload, FRAME_HEAD_BYTES);
  return frame;
}

export interface FrameReaderOptions {
  /** Upper bound of a payload. Default, and most: 64 MiB. */
  maxBytes?: number;
}

/** Takes frames out of bytes. */
export class FrameReader {
  readonly #maxBytes: number;
  readonly #head = new Uint8Array(FRAME_HEAD_BYTES);
  #headBytes = 0;
  #type: FrameType = "request";
  /** Bytes of the payload that are still to come. Undefined while a head is read. */
  #missing: number | undefined;
  #parts: Uint8Array[] = [];
  #fault: ProtocolFault | undefined;

  constructor({ maxBytes = MAX_PAYLOAD_BYTES }: FrameReaderOptions = {}) {
    this.#maxBytes = Math.min(maxBytes, MAX_PAYLOAD_BYTES);
  }

  /**
   * The next frame, and the bytes behind it, which are not read yet: after the first frame of a stream they may be the bytes of
   * a file. Undefined: more bytes are needed.
   */
  read(bytes: Uint8Array): { frame: ProtocolFrame; rest: Uint8Array } | ProtocolFault | undefined {
    if (this.#fault !== undefined) return this.#fault;
    let at = 0;
    if (this.#missing === undefined) {
      const step = Math.min(FRAME_HEAD_BYTES - this.#headBytes, bytes.byteLength);
      this.#head.set(bytes.subarray(0, step), this.#headBytes);
      this.#headBytes += step;
      at = step;
      if (this.#headBytes < FRAME_HEAD_BYTES) return undefined;
      this.#fault = this.#begin();
      if (this.#fault !== undefined) return this.#fault;
    }
    return this.#add(bytes, at);
  }

  /** The bytes are over. */
  end(): ProtocolFault | undefined {
    return this.#fault ?? (this.#headBytes > 0 ? { kind: "cut" } : undefined);
  }

  #begin(): ProtocolFault | undefined {
    const view = new DataView(this.#head.buffer);
    const [bytes, number] = [view.getUint32(0), view.getUint16(4)];
    const type = TYPES.get(number);
    if (type === undefined) return { kind: "unknown-type", type: number };
    if (bytes > this.#maxBytes) return { kind: "too-large", bytes, maxBytes: this.#maxBytes };
    this.#type = type;
    this.#missing = bytes;
    return undefined;
  }

  #add(bytes: Uint8Array, from: number): { frame: ProtocolFrame; rest: Uint8Array } | undefined {
    const missing = this.#missing ?? 0;
    const step = Math.min(missing, bytes.byteLength - from);
    if (step > 0) this.#parts.push(bytes.subarray(from, from + step));
    this.#missing = missing - step;
    if (this.#missing > 0) return undefined;
    const payload = joined(this.#parts);
    this.#missing = undefined;
    this.#parts = [];
    this.#headBytes = 0;
    return { frame: { type: this.#type, payload }, rest: bytes.subarray(from + step) };
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

/** Whether a result of `FrameReader.read` is a fault. */
export function isProtocolFault(
  read: { frame: ProtocolFrame; rest: Uint8Array } | ProtocolFault | undefined,
): read is ProtocolFault {
  return read !== undefined && "kind" in read;
}
