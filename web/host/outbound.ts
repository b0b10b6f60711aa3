/**
 * Streams to the host: the body of a response, of a fetched request, or an object.
 *
 * I1  Nothing is posted beyond the credit. `write` resolves when all its bytes were posted.
 * I2  One write at a time. After `end`, `fail` or the host's cancel nothing more is posted.
 */

import { currentOwner, setOwner } from "../start/owner.ts";
import { PostOp } from "./boundary.ts";
import { gatherChunk, postChunks } from "./gathered-chunks.ts";
import { postToHost } from "./host-link.ts";

/** Upper bound of the bytes in one chunk (docs/wire.md, "Streams"). */
const MAX_CHUNK_BYTES = 64 * 1024;

const { apply } = Reflect;
const { min } = Math;
const { set } = Uint8Array.prototype;
const Bytes = Uint8Array;

export class Outbound {
  readonly id: number;
  readonly #owner = currentOwner();
  #credit = 0;
  #isOver = false;
  #window: Uint8Array | undefined;
  #windowAt = 0;
  #more: PromiseWithResolvers<void> | undefined;
  readonly #cancelled = Promise.withResolvers<void>();

  constructor(id: number) {
    this.id = id;
  }

  /** Settles when the host cancels the rest. */
  get cancelled(): Promise<void> {
    return this.#cancelled.promise;
  }

  /** Whether the host still takes bytes. */
  get isOpen(): boolean {
    return !this.#isOver;
  }

  /** Resolves when the bytes were posted, or the host has cancelled the rest. */
  async write(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    while (rest.byteLength > 0 && !this.#isOver) {
      if (this.#credit === 0) {
        this.#more = Promise.withResolvers();
        await this.#more.promise;
        continue;
      }
      const size = Math.min(rest.byteLength, this.#credit, MAX_CHUNK_BYTES);
      const taken = this.#post(rest, size);
      rest = rest.subarray(taken);
    }
  }

  /** Resolves when there is credit for at least one byte, or the host has cancelled the rest. */
  async ready(): Promise<void> {
    while (this.#credit === 0 && !this.#isOver) {
      this.#more ??= Promise.withResolvers();
      await this.#more.promise;
    }
  }

  /** `trailers`: the block of header fields after the bytes. */
  end(trailers?: string): void {
    if (this.#isOver) return;
    this.#finish();
    postChunks();
    postToHost(PostOp.end, this.id, undefined, trailers);
  }

  /** Ends the stream as broken. */
  fail(why: string): void {
    if (this.#isOver) return;
    this.#finish();
    postChunks();
    postToHost(PostOp.end, this.id, why);
  }

  grant(bytes: number, window: unknown): void {
    setOwner(this.#owner);
    if (window !== undefined) this.#window = new Bytes(window as SharedArrayBuffer);
    this.#credit += bytes;
    this.#wake();
  }

  cancel(): void {
    if (this.#isOver) return;
    setOwner(this.#owner);
    this.#finish();
    this.#cancelled.resolve();
    this.#wake();
  }

  /** Posts up to `size` of the bytes. Returns the number of posted bytes. */
  #post(bytes: Uint8Array, size: number): number {
    const window = this.#window;
    const taken = window === undefined ? size : min(size, window.byteLength - this.#windowAt);
    this.#credit -= taken;
    const part = taken === bytes.byteLength ? bytes : bytes.subarray(0, taken);
    if (window === undefined && gatherChunk(this.id, part, taken)) return taken;
    postChunks();
    if (window === undefined) {
      postToHost(PostOp.chunk, this.id, bufferOf(part));
      return taken;
    }
    // Called by `apply`: a method that user code has changed would get the window.
    apply(set, window, [part, this.#windowAt]);
    this.#windowAt = (this.#windowAt + taken) % window.byteLength;
    postToHost(PostOp.chunk, this.id, taken);
    return taken;
  }

  #wake(): void {
    this.#more?.resolve();
    this.#more = undefined;
  }

  #finish(): void {
    this.#isOver = true;
    open.delete(this.id);
  }
}

const open = new Map<number, Outbound>();
let lastId = 0;

/** A stream of the isolate. Its id goes to the host with the message whose body it is. */
export function openOutbound(): Outbound {
  lastId += 1;
  const outbound = new Outbound(lastId);
  open.set(lastId, outbound);
  return outbound;
}

export function grantOutbound(id: number, bytes: unknown, window: unknown): void {
  if (typeof bytes === "number") open.get(id)?.grant(bytes, window);
}

export function cancelOutbound(id: number): void {
  open.get(id)?.cancel();
}

/** A buffer of its own: a view on a larger buffer would send the neighbouring bytes as well. */
function bufferOf(bytes: Uint8Array): ArrayBuffer {
  const isWhole = bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer;
  return (isWhole ? bytes.buffer : bytes.slice().buffer) as ArrayBuffer;
}
