/** Memory that a stream shares with an isolate: the bytes of the stream lie in it one behind the other, round and round. */

/** The ring of a stream from the isolate, which writes its chunks into it. No chunk crosses the end. */
export class OutboundRing {
  readonly #bytes: Uint8Array;
  /** Where the next chunk lies. */
  #at = 0;
  #busyBytes = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#bytes = new Uint8Array(memory);
  }

  /** Bytes that are not passed on yet. */
  get busyBytes(): number {
    return this.#busyBytes;
  }

  /** The next bytes; undefined where so many are not in it. */
  look(size: number): Uint8Array | undefined {
    if (!Number.isSafeInteger(size) || size < 0 || size > this.#bytes.byteLength - this.#at) return undefined;
    return this.#bytes.subarray(this.#at, this.#at + size);
  }

  take(size: number): void {
    this.#busyBytes += size;
    this.#at = (this.#at + size) % this.#bytes.byteLength;
  }

  free(size: number): void {
    this.#busyBytes -= size;
  }
}

/** The ring of a stream to the isolate, which copies the bytes out of it before it grants as many again. */
export class InboundRing {
  readonly memory: SharedArrayBuffer;
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(size: number) {
    this.memory = new SharedArrayBuffer(size);
    this.#bytes = new Uint8Array(this.memory);
  }

  /** Takes the ring's size at most. */
  put(bytes: Uint8Array): void {
    const untilEnd = this.#bytes.byteLength - this.#at;
    if (bytes.byteLength <= untilEnd) this.#bytes.set(bytes, this.#at);
    else {
      this.#bytes.set(bytes.subarray(0, untilEnd), this.#at);
      this.#bytes.set(bytes.subarray(untilEnd));
    }
    this.#at = (this.#at + bytes.byteLength) % this.#bytes.byteLength;
  }
}
