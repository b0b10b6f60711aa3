/**
 * Streams from the host: the body of a request, of a fetched response, or an object.
 *
 * I1  The granted and unread bytes never exceed `INBOUND_CREDIT_BYTES`, and with a window `INBOUND_MORE_BYTES` beside.
 * I2  Nothing is granted before the first read: an unread body stays in the host.
 * I3  One read at a time. After the end, a break or `cancel` there are no more bytes.
 * I4  Bytes in the window are copied when they are read. Until then they are known by their place: user code may have changed
 *     any method and any getter, and would get the window from one.
 */

import { currentOwner, setOwner } from "../start/owner.ts";
import {
  INBOUND_CREDIT_BYTES,
  INBOUND_MORE_BYTES,
  INBOUND_WINDOW_BYTES,
  PostOp,
  placeBehind,
} from "./boundary.ts";
import { postToHost } from "./host-link.ts";

const MAX_JOINED_BYTES = 1024;
/** Upper bound of the bytes that one read takes out of the window: each read costs its reader several promises. */
const MAX_CHUNK_BYTES = 64 * 1024;
/**
 * Garbage of 16 KiB for 64. V8 collects young objects when they fill a MiB, and counts no memory behind them: it would let 40 MiB
 * of chunks wait, which no cache holds.
 */
let weight: unknown[] = [];

const { min } = Math;
const Bytes = Uint8Array;
const Slots = Array;

/** The place of bytes in the window. */
class Place {
  readonly at: number;
  readonly byteLength: number;

  constructor(at: number, byteLength: number) {
    this.at = at;
    this.byteLength = byteLength;
  }
}

export class Inbound {
  readonly isGivenAway = true;
  readonly #id: number;
  readonly #owner = currentOwner();
  readonly #chunks: (Uint8Array<ArrayBuffer> | Place)[] = [];
  #window: SharedArrayBuffer | undefined;
  #windowAt = 0;
  #granted = 0;
  /** Upper bound of the granted and unread bytes. */
  #most = INBOUND_CREDIT_BYTES;
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
    const chunk = this.take();
    if (chunk !== undefined) return Promise.resolve(chunk);
    if (this.#broken !== undefined) return Promise.reject(new TypeError(this.#broken));
    if (this.#isOver) return Promise.resolve(undefined);
    if (this.#granted === 0) {
      this.#granted = INBOUND_CREDIT_BYTES;
      postToHost(PostOp.credit, this.#id, INBOUND_CREDIT_BYTES);
    }
    this.#reader = Promise.withResolvers();
    return this.#reader.promise;
  }

  /** The next bytes, where they have come: they cost no promise then. */
  take(): Uint8Array<ArrayBuffer> | undefined {
    const chunk = this.#chunks.shift();
    if (chunk === undefined) return undefined;
    const own = this.#own(chunk);
    this.#consume(own.byteLength);
    return own;
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

  push(bytes: Uint8Array<ArrayBuffer> | Place): void {
    if (this.#isOver) return;
    setOwner(this.#owner);
    const reader = this.#reader;
    if (reader === undefined) {
      this.#wait(bytes);
      return;
    }
    this.#reader = undefined;
    const own = this.#own(bytes);
    this.#consume(own.byteLength);
    reader.resolve(own);
  }

  /** So many more bytes are in the window. */
  pushShared(bytes: number, window: unknown): void {
    if (window !== undefined) {
      this.#window = window as SharedArrayBuffer;
      this.#most += INBOUND_MORE_BYTES;
      postToHost(PostOp.credit, this.#id, INBOUND_MORE_BYTES);
    }
    let at = this.#windowAt;
    this.#windowAt = placeBehind(at, bytes);
    for (let left = bytes; left > 0; ) {
      const byteLength = min(left, INBOUND_WINDOW_BYTES - at, MAX_CHUNK_BYTES);
      this.push(new Place(at, byteLength));
      at = (at + byteLength) % INBOUND_WINDOW_BYTES;
      left -= byteLength;
    }
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
  #wait(bytes: Uint8Array<ArrayBuffer> | Place): void {
    const at = this.#chunks.length - 1;
    const last = this.#chunks[at];
    if (last === undefined || last.byteLength + bytes.byteLength > MAX_JOINED_BYTES) {
      this.#chunks.push(bytes);
      return;
    }
    const joined = new Bytes(last.byteLength + bytes.byteLength);
    joined.set(this.#own(last));
    joined.set(this.#own(bytes), last.byteLength);
    this.#chunks[at] = joined;
  }

  /** Bytes of the window as a copy. */
  #own(bytes: Uint8Array<ArrayBuffer> | Place): Uint8Array<ArrayBuffer> {
    if (!(bytes instanceof Place)) return bytes;
    weight = new Slots(bytes.byteLength >> 5);
    return new Bytes(new Bytes(this.#window as SharedArrayBuffer, bytes.at, bytes.byteLength));
  }

  #consume(bytes: number): void {
    this.#consumed += bytes;
    if (this.#isOver || this.#consumed < this.#most / 2) return;
    postToHost(PostOp.credit, this.#id, this.#consumed);
    this.#consumed = 0;
  }

  #finish(): void {
    this.#isOver = true;
    weight.length = 0;
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

export function pushInbound(id: number, bytes: unknown, window: unknown): void {
  if (typeof bytes === "number") open.get(id)?.pushShared(bytes, window);
  else if (bytes instanceof ArrayBuffer) open.get(id)?.push(new Bytes(bytes));
}

export function endInbound(id: number, why: unknown): void {
  open.get(id)?.end(why === undefined ? undefined : String(why));
}
