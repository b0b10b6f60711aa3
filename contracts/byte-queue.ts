/**
 * Bytes that wait for somebody, in their order.
 *
 * I1  Small pieces that wait are put together: each on its own would take a hundred times its size, and credit counts
 *     bytes.
 * I2  A piece that finds nothing waiting stays as it is, and so does every large one.
 */
export class ByteQueue {
  #parts: Uint8Array[] = [];
  #byteLength = 0;

  get byteLength(): number {
    return this.#byteLength;
  }

  /** Hands the bytes over. */
  push(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    this.#byteLength += bytes.byteLength;
    const last = this.#parts.at(-1);
    if (last === undefined || last.byteLength + bytes.byteLength > MAX_JOINED_BYTES) this.#parts.push(bytes);
    else this.#parts[this.#parts.length - 1] = Buffer.concat([last, bytes]);
  }

  /** The bytes that have waited longest, some or all of them. */
  shift(): Uint8Array | undefined {
    const part = this.#parts.shift();
    if (part !== undefined) this.#byteLength -= part.byteLength;
    return part;
  }

  /** Takes all of them, in one piece. */
  concat(): Uint8Array {
    const whole = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#byteLength = 0;
    return whole;
  }
}

/** Joining copies what is there: up to here that is less than what a piece costs anyway. */
const MAX_JOINED_BYTES = 1024;
