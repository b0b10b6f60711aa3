/**
 * A queue of bytes that wait for their reader, in their order.
 *
 * I1  Small pieces that wait are joined: each on its own would take a hundred times its size, and credit counts bytes.
 * I2  A piece that comes to an empty queue stays as it is, and so does every large piece.
 */
export class ByteQueue {
  #parts: Uint8Array[] = [];
  #byteLength = 0;

  get byteLength(): number {
    return this.#byteLength;
  }

  /** Appends bytes. The queue owns them from then on. */
  push(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    this.#byteLength += bytes.byteLength;
    const last = this.#parts.at(-1);
    if (last === undefined || last.byteLength + bytes.byteLength > MAX_JOINED_BYTES) this.#parts.push(bytes);
    else this.#parts[this.#parts.length - 1] = Buffer.concat([last, bytes]);
  }

  /** Takes the oldest bytes, some or all of them. */
  shift(): Uint8Array | undefined {
    const part = this.#parts.shift();
    if (part !== undefined) this.#byteLength -= part.byteLength;
    return part;
  }

  /** Takes all bytes, in one piece. */
  concat(): Uint8Array {
    const whole = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#byteLength = 0;
    return whole;
  }
}

/**
 * Upper bound of a piece that is joined. Joining copies the piece; below this size the copy costs less than the piece
 * itself.
 */
const MAX_JOINED_BYTES = 1024;
