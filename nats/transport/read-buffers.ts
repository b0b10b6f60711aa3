/**
 * The memory that a connection reads into, over and over: a buffer for every read would be garbage as fast as bodies
 * pass, and collecting it cost more than passing them.
 *
 * I1  A held buffer is not read into until its last holder lets go.
 * I2  At most `MAX_HELD` buffers are held. Beyond that a reader has to copy.
 */

/** Bytes that are valid during the call that shows them, and as long as their memory is held. */
export interface Lease {
  /** Returns the function that lets go; undefined where too much is held already: copy the bytes then. */
  hold(): (() => void) | undefined;
}

/** The lease of bytes that are never reused. */
export const OWNED: Lease = { hold: () => () => undefined };

const READ_BYTES = 256 * 1024;
const MAX_HELD = 16;
/** Upper bound of buffers that are kept for reuse. */
const MAX_SPARE = 2;

class ReadBuffer implements Lease {
  // The memory is not touched before the first read.
  readonly bytes = Buffer.allocUnsafeSlow(READ_BYTES);
  readonly #owner: ReadBuffers;
  holders = 0;

  constructor(owner: ReadBuffers) {
    this.#owner = owner;
  }

  hold(): (() => void) | undefined {
    if (this.holders === 0 && !this.#owner.mayHold()) return undefined;
    this.holders += 1;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.holders -= 1;
      if (this.holders === 0) this.#owner.release(this);
    };
  }
}

export class ReadBuffers {
  #current = new ReadBuffer(this);
  readonly #spare: ReadBuffer[] = [];
  /** Held, beside the current one. */
  #held = 0;

  /** The buffer that was read into last. */
  get current(): ReadBuffer {
    return this.#current;
  }

  /** The buffer for the next read. */
  next(): Uint8Array {
    if (this.#current.holders > 0) {
      this.#held += 1;
      this.#current = this.#spare.pop() ?? new ReadBuffer(this);
    }
    return this.#current.bytes;
  }

  mayHold(): boolean {
    return this.#held < MAX_HELD;
  }

  release(buffer: ReadBuffer): void {
    if (buffer === this.#current) return;
    this.#held -= 1;
    if (this.#spare.length < MAX_SPARE) this.#spare.push(buffer);
  }
}
