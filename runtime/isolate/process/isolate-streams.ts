/**
 * The host's ends of an isolate's streams (web/host/boundary.ts, I5).
 *
 * I1  An isolate that posts more than it was granted, or grants more than a window, has tampered with its platform:
 *     `onViolation` is called. Chunks without bytes, which no credit bounds, are dropped.
 * I2  A stream that has carried much gets a ring (ring.ts): memory that is shared with the isolate. The sender's credit never
 *     exceeds the free part of it. The host only passes the bytes of a ring on. User code never sees the ring, and could change
 *     only bytes of its own stream.
 * I3  Every stream's other end hears of its end once: by the end, by a cancel, or by `close`.
 */
import { CreditWindow } from "../../../streams/index.ts";
import {
  EnterOp,
  INBOUND_CREDIT_BYTES,
  INBOUND_MORE_BYTES,
  INBOUND_WINDOW_BYTES,
  WINDOW_GAP_BYTES,
} from "../../../web/index.ts";
import { InboundRing, OutboundRing } from "./ring.ts";

/** A stream to the isolate. Its owner pushes bytes within the credit. */
export interface Inbound {
  readonly id: number;
  /** Hands the bytes over: the buffer is gone afterwards. */
  push(bytes: ArrayBuffer): void;
  /** Copies the bytes into the ring, for the next `flush`. Returns false where they have no place in it: push them then. */
  copy(bytes: Uint8Array): boolean;
  /** Tells the isolate of the copied bytes. */
  flush(): void;
  /** `why`: it broke. */
  end(why?: string): void;
}

export interface InboundReceiver {
  /** The isolate has room for so many more. */
  onCredit(bytes: number): void;
  /** The isolate wants no more, or is gone. */
  onCancel(): void;
}

/** A stream from the isolate. */
export interface Outbound {
  grant(bytes: number): void;
  /** The rest is not wanted. */
  cancel(): void;
}

export interface OutboundReceiver {
  /** It only passes bytes on: they may lie in a ring, and change after `done` was called. Default: the bytes are its own. */
  isBorrower?: boolean;
  onChunk(bytes: Uint8Array, done: () => void): void;
  /** `why`: it broke. `trailers`: a block of header fields that follow the bytes; user input. */
  onEnd(why: string | undefined, trailers?: string): void;
}

export interface IsolateStreams {
  /** `owner`: the request that the bytes belong to. */
  openInbound(owner: number, receiver: InboundReceiver): Inbound;
  /** `id` is the isolate's choice: user input. Undefined where it is no id, or the id of an open stream. */
  openOutbound(id: unknown, owner: number, receiver: OutboundReceiver): Outbound | undefined;
  /** Refuses a stream that the isolate has announced and that was not opened. */
  discard(id: unknown, owner: number): void;
  /** The isolate's posts about its streams. All of it is user input. */
  chunk(id: unknown, bytes: unknown): void;
  /** Chunks of many streams (`PostOp.chunks`). */
  chunks(index: unknown, bytes: unknown): void;
  end(id: unknown, why: unknown, trailers?: unknown): void;
  credit(id: unknown, bytes: unknown): void;
  cancel(id: unknown): void;
  /** The isolate is gone: the other end of each stream is told. */
  close(): void;
}

type Enter = (owner: number, op: number, id: number, value?: unknown, second?: unknown) => void;

export interface IsolateStreamsOptions {
  enter: Enter;
  onViolation(what: string): void;
}

/** Bytes that a stream has carried before it gets a ring. */
const MIN_CARRIED_BYTES = 128 * 1024;
const RING_BYTES = 512 * 1024;
/** Lower bound of one grant, but where less is left to grant: each grant is an entry. */
const MIN_GRANT_BYTES = 128 * 1024;
/**
 * Upper bound of an isolate's credit for one stream: twice that of the platform. All of it may wait for a busy isolate, in
 * the host's memory.
 */
const MAX_CREDIT_BYTES = 1024 * 1024;
const MAX_WHY_LENGTH = 64 * 1024;
const nothing = () => undefined;

export function createIsolateStreams({ enter, onViolation }: IsolateStreamsOptions): IsolateStreams {
  const inbounds = new Map<number, OpenInbound>();
  const outbounds = new Map<number, OpenOutbound>();
  let lastId = 0;

  const take = (id: number, chunk: Uint8Array | number | undefined) => {
    const outbound = outbounds.get(id);
    if (outbound === undefined || outbound.take(chunk)) return;
    outbounds.delete(id);
    outbound.end("the isolate sent bytes that it was not granted");
    onViolation("it sent stream data that it was not granted");
  };

  return {
    openInbound(owner, receiver) {
      lastId += 1;
      const id = lastId;
      const inbound = new OpenInbound({ id, owner, receiver, enter, onOver: () => inbounds.delete(id) });
      inbounds.set(id, inbound);
      return inbound;
    },
    openOutbound(id, owner, receiver) {
      if (typeof id !== "number" || outbounds.has(id)) return undefined;
      const outbound = new OpenOutbound({
        id,
        owner,
        receiver,
        enter,
        onCancelled: () => outbounds.delete(id),
      });
      outbounds.set(id, outbound);
      return outbound;
    },
    discard(id, owner) {
      if (typeof id === "number" && !outbounds.has(id)) enter(owner, EnterOp.cancel, id);
    },
    chunk(id, value) {
      take(Number(id), typeof value === "number" ? value : bytesOf(value));
    },
    chunks(index, bytes) {
      if (typeof index !== "string" || !(bytes instanceof ArrayBuffer)) return;
      let at = 0;
      const numbers = index.split(" ");
      for (let next = 0; next + 1 < numbers.length; next += 2) {
        const size = Number(numbers[next + 1]);
        const isWithin = Number.isSafeInteger(size) && size >= 0 && size <= bytes.byteLength - at;
        take(Number(numbers[next]), isWithin ? new Uint8Array(bytes, at, size) : undefined);
        at += isWithin ? size : 0;
      }
    },
    end(id, why, trailers) {
      const outbound = outbounds.get(Number(id));
      if (outbound === undefined) return;
      outbounds.delete(Number(id));
      if (why !== undefined) outbound.end(String(why).slice(0, MAX_WHY_LENGTH));
      else outbound.end(undefined, typeof trailers === "string" ? trailers : undefined);
    },
    credit(id, bytes) {
      const inbound = inbounds.get(Number(id));
      if (inbound === undefined || !Number.isSafeInteger(bytes) || Number(bytes) <= 0) return;
      if (!inbound.grant(Number(bytes))) onViolation("it granted a stream more than its window");
    },
    cancel(id) {
      const inbound = inbounds.get(Number(id));
      if (inbounds.delete(Number(id))) inbound?.cancel();
    },
    close() {
      const open = [...outbounds.values()];
      const cancelled = [...inbounds.values()];
      outbounds.clear();
      inbounds.clear();
      for (const outbound of open) outbound.end("the instance ended");
      for (const inbound of cancelled) inbound.cancel();
    },
  };
}

interface OpenInboundOptions {
  id: number;
  owner: number;
  receiver: InboundReceiver;
  enter: Enter;
  onOver(): void;
}

class OpenInbound implements Inbound {
  readonly #options: OpenInboundOptions;
  /** Granted and not sent yet. Negative where bytes came with the message that began the stream. */
  #credit = 0;
  #carriedBytes = 0;
  #ring: InboundRing | undefined;
  #isRingKnown = false;
  #isOver = false;

  constructor(options: OpenInboundOptions) {
    this.#options = options;
  }

  get id(): number {
    return this.#options.id;
  }

  push(bytes: ArrayBuffer): void {
    if (this.#isOver) return;
    this.flush();
    this.#count(bytes.byteLength);
    const { enter, owner, id } = this.#options;
    enter(owner, EnterOp.chunk, id, bytes);
  }

  copy(bytes: Uint8Array): boolean {
    const size = bytes.byteLength;
    if (this.#isOver) return true;
    if (this.#carriedBytes < MIN_CARRIED_BYTES || size > this.#freeBytes) return false;
    this.#ring ??= new InboundRing();
    this.#ring.put(bytes);
    this.#count(size);
    return true;
  }

  flush(): void {
    const bytes = this.#ring?.cut() ?? 0;
    if (bytes === 0 || this.#isOver) return;
    const { enter, owner, id } = this.#options;
    if (this.#isRingKnown) enter(owner, EnterOp.chunk, id, bytes);
    else enter(owner, EnterOp.chunk, id, bytes, this.#ring?.memory);
    this.#isRingKnown = true;
  }

  end(why?: string): void {
    if (this.#isOver) return;
    this.flush();
    this.#isOver = true;
    const { enter, owner, id, onOver } = this.#options;
    onOver();
    enter(owner, EnterOp.end, id, why);
  }

  /** Returns false where the isolate grants more than it may. */
  grant(bytes: number): boolean {
    if (this.#credit + bytes > MAX_CREDIT_BYTES) return false;
    this.#credit += bytes;
    this.#options.receiver.onCredit(bytes);
    return true;
  }

  cancel(): void {
    this.#isOver = true;
    this.#options.receiver.onCancel();
  }

  /** The free part of the ring. The isolate has read all that it has granted beyond its first grant. */
  get #freeBytes(): number {
    const granted = INBOUND_CREDIT_BYTES + INBOUND_MORE_BYTES;
    return INBOUND_WINDOW_BYTES - WINDOW_GAP_BYTES - granted + this.#credit;
  }

  #count(bytes: number): void {
    this.#credit -= bytes;
    this.#carriedBytes += bytes;
  }
}

interface OpenOutboundOptions {
  id: number;
  owner: number;
  receiver: OutboundReceiver;
  enter: Enter;
  onCancelled(): void;
}

class OpenOutbound implements Outbound {
  readonly #options: OpenOutboundOptions;
  readonly #credit: CreditWindow;
  #ring: OutboundRing | undefined;
  #carriedBytes = 0;
  #isOver = false;

  constructor(options: OpenOutboundOptions) {
    this.#options = options;
    this.#credit = new CreditWindow(RING_BYTES, (bytes) => this.#tellCredit(bytes));
  }

  grant(bytes: number): void {
    if (this.#isOver || bytes <= 0) return;
    this.#credit.owe(bytes);
    this.#grantOwed();
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { enter, owner, id, onCancelled } = this.#options;
    onCancelled();
    enter(owner, EnterOp.cancel, id);
  }

  end(why: string | undefined, trailers?: string): void {
    this.#isOver = true;
    this.#options.receiver.onEnd(why, trailers);
  }

  /** Takes a chunk, or the number of bytes that the isolate has put into the ring. False where it was not granted. */
  take(value: Uint8Array | number | undefined): boolean {
    const ring = typeof value === "number" ? this.#ring : undefined;
    const bytes = typeof value === "number" ? ring?.look(value) : value;
    if (bytes === undefined || bytes.byteLength > this.#credit.available) return false;
    const size = bytes.byteLength;
    if (size === 0) return true;
    this.#credit.received(size);
    this.#carriedBytes += size;
    if (ring === undefined) {
      const isOwn = this.#options.receiver.isBorrower === true || size === bytes.buffer.byteLength;
      this.#options.receiver.onChunk(isOwn ? bytes : bytes.slice(), nothing);
      this.#grantOwed();
      return true;
    }
    ring.take(size);
    this.#options.receiver.onChunk(bytes, () => {
      ring.free(size);
      this.#grantOwed();
    });
    return true;
  }

  #grantOwed(): void {
    if (this.#isOver) return;
    const { owed, available } = this.#credit;
    const room = this.#mayUseRing() ? RING_BYTES - available - (this.#ring?.busyBytes ?? 0) : owed;
    const bytes = Math.min(owed, room);
    if (bytes > 0 && bytes >= Math.min(owed, MIN_GRANT_BYTES)) this.#credit.repay(bytes);
  }

  /** The ring goes to the isolate with a grant. */
  #tellCredit(bytes: number): void {
    const { enter, owner, id } = this.#options;
    if (this.#ring !== undefined || !this.#mayUseRing()) {
      enter(owner, EnterOp.credit, id, bytes);
    } else {
      const memory = new SharedArrayBuffer(RING_BYTES);
      this.#ring = new OutboundRing(memory);
      enter(owner, EnterOp.credit, id, bytes, memory);
    }
  }

  #mayUseRing(): boolean {
    return this.#options.receiver.isBorrower === true && this.#carriedBytes >= MIN_CARRIED_BYTES;
  }
}

function bytesOf(value: unknown): Uint8Array | undefined {
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return typeof value === "string" ? Buffer.from(value) : undefined;
}
