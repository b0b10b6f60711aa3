/**
 * Splits the bytes of a connection into frames.
 *
 * I1  A frame is handed on once it is whole, in the order of the bytes, wherever the reads cut them.
 * I2  Bytes that were handed on by `keep` are the receiver's: small ones are copied, large ones are a view on memory that is
 *     not filled again. Memory that is held by its lease is not filled before its last holder lets go.
 * I3  Memory grows with the bytes that have come, not with the length that a frame says.
 */
import { FRAME_HEADER_BYTES, MAX_SOCKET_FRAME_BYTES } from "./socket-frames.ts";

/**
 * Takes a frame: its content is in `bytes` from `start` to `end`, and stays there until the call returns. Returns whether the
 * next frame may come.
 */
export type TakeFrame = (type: number, number: number, bytes: Buffer, start: number, end: number) => boolean;

const SLAB_BYTES = 256 * 1024;
/** Upper bound of slabs that are held beside the one that is filled. Beyond it a receiver has to copy. */
const MAX_HELD = 16;
/** Upper bound of slabs that are kept for reuse: a new one costs its page faults, and a collection soon. */
const MAX_SPARE = 4;
/** Less room than this makes reads too small. */
const LEAST_ROOM_BYTES = 64 * 1024;
/** Bytes from which a payload is handed on as a view. It holds its slab: up to eight times as much. */
const VIEW_BYTES = 32 * 1024;
const TWO_POW_32 = 0x1_0000_0000;

/** Memory that is read into. */
class Slab {
  readonly bytes: Buffer;
  readonly #owner: FrameSplitter;
  #holders = 0;
  /** A receiver has a view on it for good. */
  isGiven = false;

  constructor(owner: FrameSplitter, size: number) {
    this.#owner = owner;
    this.bytes = Buffer.allocUnsafeSlow(size);
  }

  get isHeld(): boolean {
    return this.#holders > 0;
  }

  get isLent(): boolean {
    return this.isGiven || this.isHeld;
  }

  /** Returns the function that lets go; undefined where too much is held already: copy the bytes then. */
  hold(): (() => void) | undefined {
    if (this.#holders === 0 && !this.#owner.mayHold) return undefined;
    this.#holders += 1;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#holders -= 1;
      if (this.#holders === 0) this.#owner.release(this);
    };
  }
}

export class FrameSplitter {
  readonly #take: TakeFrame;
  #current = new Slab(this, SLAB_BYTES);
  /** The memory of the current slab. */
  #slab = this.#current.bytes;
  #start = 0;
  #end = 0;
  readonly #spare: Slab[] = [];
  /** Held slabs, beside the current one. */
  #held = 0;

  constructor(take: TakeFrame) {
    this.#take = take;
  }

  /** The memory for the next read. */
  room(): Buffer {
    if (this.#start === this.#end && !this.#current.isLent) this.#start = this.#end = 0;
    else if (this.#slab.length - this.#end < LEAST_ROOM_BYTES) this.#move();
    return this.#end === 0 ? this.#slab : this.#slab.subarray(this.#end);
  }

  /** So many bytes were read into the room. Returns false where they break a bound, or a frame was not taken. */
  filled(bytes: number): boolean {
    this.#end += bytes;
    const slab = this.#slab;
    while (this.#end - this.#start >= FRAME_HEADER_BYTES) {
      const start = this.#start;
      const length = slab.readUInt32LE(start);
      if (length < FRAME_HEADER_BYTES - 4 || length > MAX_SOCKET_FRAME_BYTES) return false;
      const end = start + 4 + length;
      if (end > this.#end) return true;
      const number = slab.readUInt16LE(start + 9) * TWO_POW_32 + slab.readUInt32LE(start + 5);
      this.#start = end;
      if (!this.#take(slab.readUInt8(start + 4), number, slab, start + FRAME_HEADER_BYTES, end)) return false;
    }
    return true;
  }

  /** As `room` and `filled`, for bytes that were read elsewhere. */
  push(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.byteLength; ) {
      const room = this.room();
      const size = Math.min(room.byteLength, bytes.byteLength - at);
      room.set(bytes.subarray(at, at + size));
      at += size;
      if (!this.filled(size)) return false;
    }
    return true;
  }

  /** The bytes of a frame's payload, for the receiver to keep. Undefined where there are none. To be called by `take`. */
  keep(start: number, end: number): Uint8Array | undefined {
    if (start === end) return undefined;
    if (end - start < VIEW_BYTES) return new Uint8Array(this.#slab.subarray(start, end));
    this.#current.isGiven = true;
    return this.#slab.subarray(start, end);
  }

  /** The lease of the bytes that `take` is shown. To be read by `take`. */
  get lease(): { hold(): (() => void) | undefined } {
    return this.#current;
  }

  get mayHold(): boolean {
    return this.#held < MAX_HELD;
  }

  /** The last holder of a slab has let go. */
  release(slab: Slab): void {
    if (slab === this.#current) return;
    this.#held -= 1;
    this.#spareIt(slab);
  }

  /** Moves the beginning of a frame to where the rest of it has room. */
  #move(): void {
    const rest = this.#slab.subarray(this.#start, this.#end);
    const wanted = rest.byteLength * 2 + LEAST_ROOM_BYTES;
    const isTooLarge = this.#slab.length > SLAB_BYTES && wanted <= SLAB_BYTES;
    if (this.#current.isLent || wanted > this.#slab.length || isTooLarge) this.#replace(wanted);
    this.#slab.set(rest);
    this.#end = rest.byteLength;
    this.#start = 0;
  }
  #replace(wanted: number): void {
    const last = this.#current;
    const spare = wanted <= SLAB_BYTES ? this.#spare.pop() : undefined;
    this.#current = spare ?? new Slab(this, Math.max(SLAB_BYTES, wanted));
    this.#slab = this.#current.bytes;
    if (last.isHeld) this.#held += 1;
    else this.#spareIt(last);
  }

  #spareIt(slab: Slab): void {
    const isUseful = !slab.isGiven && slab.bytes.byteLength === SLAB_BYTES;
    if (isUseful && this.#spare.length < MAX_SPARE) this.#spare.push(slab);
  }
}
