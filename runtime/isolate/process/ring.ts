/** Memory that a stream shares with an isolate: the bytes of the stream lie in it one behind the other, round and round. */
import { INBOUND_WINDOW_BYTES, placeBehind } from "../../../web/index.ts";

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

const { apply } = Reflect;
const { copy } = Buffer.prototype;

/** The ring of a stream to the isolate, which copies the bytes out of it before it grants as many again. */
export class InboundRing {
  readonly memory: SharedArrayBuffer;
  readonly #bytes: Uint8Array;
  /** Where the part in the making begins, and its bytes. */
  #from = 0;
  #size = 0;

  constructor() {
    this.memory = new SharedArrayBuffer(INBOUND_WINDOW_BYTES);
    this.#bytes = new Uint8Array(this.memory);
  }

  /** Takes the ring's size at most. */
  put(bytes: Uint8Array): void {
    const ring = this.#bytes;
    const at = (this.#from + this.#size) % ring.byteLength;
    const untilEnd = ring.byteLength - at;
    this.#size += bytes.byteLength;
    // Node's own copy: V8's `set` goes byte by byte where the source is not at a multiple of 8.
    apply(copy, bytes, [ring, at]);
    if (bytes.byteLength > untilEnd) apply(copy, bytes, [ring, 0, untilEnd]);
  }

  /** Ends the part in the making; returns the number of its bytes. */
  cut(): number {
    const size = this.#size;
    this.#from = placeBehind(this.#from, size);
    this.#size = 0;
    return size;
  }
}
