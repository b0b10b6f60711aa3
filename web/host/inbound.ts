/**
 * Streams from the host: the body of a request, of a fetched response, or an object.
 *
 * I1  The granted and unread bytes never exceed `WINDOW_BYTES`.
 * I2  Nothing is granted before the first read: an unread body stays in the host.
 * I3  One read at a time. After the end, a break or `cancel` there are no more bytes.
 */

import { currentOwner, setOwner } from "../start/owner.ts";
import { PostOp } from "./boundary.ts";
import { postToHost } from "./host-link.ts";

/** Upper bound of the bytes under way to the isolate, for each stream. */
const WINDOW_BYTES = 256 * 1024;

const MAX_JOINED_BYTES = 1024;

export class Inbound {
  readonly isGivenAway = true;
  readonly #id: number;
  readonly #owner = currentOwner();
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  #granted = 0;
  /** Bytes read since the last grant. */
  #consumed = 0;
  #isOver = false;
  #broken: string | undefined;
  #reader: PromiseWithResolvers<Uint8Array<ArrayBuffer> | undefined> | undefined;
  #onBroken: ((why: string) => void) | undefined;

  constructor(id: number) {
    this.#id = id;
  }

  /** The next bytes, or undefined at the end. Rejects with a TypeError if the stream broke. */
  read(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#consume(chunk.byteLength);
      return Promise.resolve(chunk);
    }
    if (this.#broken !== undefined) return Promise.reject(new TypeError(this.#broken));
    if (this.#isOver) return Promise.resolve(undefined);
    if (this.#granted === 0) {
      this.#granted = WINDOW_BYTES;
      postToHost(PostOp.credit, this.#id, WINDOW_BYTES);
    }
    this.#reader = Promise.withResolvers();
    return this.#reader.promise;
  }

  /** Cancels the rest. */
  cancel(): void {
    if (this.#isOver) return;
    this.#finish();
    this.#chunks.length = 0;
    // A waiting read ends without bytes.
    this.#reader?.resolve(undefined);
    this.#reader = undefined;
    postToHost(PostOp.cancel, this.#id);
  }

  /** Calls the listener when the stream breaks, also without a read: a stream that shows this one must fail at once. */
  onBroken(listener: (why: string) => void): void {
    this.#onBroken = listener;
    if (this.#broken !== undefined) listener(this.#broken);
  }

  push(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#isOver) return;
    setOwner(this.#owner);
    const reader = this.#reader;
    if (reader === undefined) {
      this.#wait(bytes);
      return;
    }
    this.#reader = undefined;
    this.#consume(bytes.byteLength);
    reader.resolve(bytes);
  }

  end(why: string | undefined): void {
    if (this.#isOver) return;
    setOwner(this.#owner);
    this.#broken = why;
    this.#finish();
    if (why !== undefined) this.#onBroken?.(why);
    if (why === undefined) this.#reader?.resolve(undefined);
    else this.#reader?.reject(new TypeError(why));
    this.#reader = undefined;
  }

  /** Small unread chunks are joined: each alone would take a hundred times its size. */
  #wait(bytes: Uint8Array<ArrayBuffer>): void {
    const at = this.#chunks.length - 1;
    const last = this.#chunks[at];
    if (last === undefined || last.byteLength + bytes.byteLength > MAX_JOINED_BYTES) {
      this.#chunks.push(bytes);
      return;
    }
    const joined = new Uint8Array(last.byteLength + bytes.byteLength);
    joined.set(last);
    joined.set(bytes, last.byteLength);
    this.#chunks[at] = joined;
  }

  #consume(bytes: number): void {
    this.#consumed += bytes;
    if (this.#isOver || this.#consumed < WINDOW_BYTES / 2) return;
    postToHost(PostOp.credit, this.#id, this.#consumed);
    this.#consumed = 0;
  }

  #finish(): void {
    this.#isOver = true;
    open.delete(this.#id);
  }
}

const open = new Map<number, Inbound>();

/** The stream with an id of the host. */
export function openInbound(id: number): Inbound {
  const inbound = new Inbound(id);
  open.set(id, inbound);
  return inbound;
}

export function pushInbound(id: number, bytes: unknown): void {
  if (bytes instanceof ArrayBuffer) open.get(id)?.push(new Uint8Array(bytes));
}

export function endInbound(id: number, why: unknown): void {
  open.get(id)?.end(why === undefined ? undefined : String(why));
}
