/**
 * The host's ends of an isolate's streams (web/host/boundary.ts, I5).
 *
 * I1  An isolate that posts more than it was granted, or grants more than a window, has tampered with its platform:
 *     `onViolation` says so. Chunks without bytes, which no credit bounds, are dropped.
 * I2  A stream that has carried much gets a window: memory that is shared with the isolate, in which its chunks lie one
 *     after the other, round and round. No more is granted than is free in it; nothing is read out of it but bytes to pass
 *     on. User code never sees it, and could change no bytes but those of its own stream.
 * I3  Every stream's other end hears of its end once: by the end, by a cancel, or by `close`.
 */
import { EnterOp } from "../../../web/index.ts";

/** A stream to the isolate: whoever opened it pushes bytes within the credit. */
export interface Inbound {
  readonly id: number;
  /** Hands the bytes over: the buffer is gone afterwards. */
  push(bytes: ArrayBuffer): void;
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
  /** Nobody wants the rest. */
  cancel(): void;
}

export interface OutboundReceiver {
  /** Only passes bytes on: they may lie in a window, and change when `done` was called. Default: they are its own. */
  isBorrower?: boolean;
  onChunk(bytes: Uint8Array, done: () => void): void;
  /** `why`: it broke. `trailers`: a block of header fields that follow the bytes; user input. */
  onEnd(why: string | undefined, trailers?: string): void;
}

export interface IsolateStreams {
  /** `owner`: the request on whose behalf the bytes come. */
  openInbound(owner: number, receiver: InboundReceiver): Inbound;
  /** `id` is the isolate's choice: user input. Undefined where it is no id, or one that is open. */
  openOutbound(id: unknown, owner: number, receiver: OutboundReceiver): Outbound | undefined;
  /** Nobody wants a stream that the isolate has told of, and that was not opened. */
  discard(id: unknown, owner: number): void;
  /** What an isolate posts about its streams. All of it is user input. */
  chunk(id: unknown, bytes: unknown): void;
  end(id: unknown, why: unknown, trailers?: unknown): void;
  credit(id: unknown, bytes: unknown): void;
  cancel(id: unknown): void;
  /** The isolate is gone: every other end is told. */
  close(): void;
}

export interface IsolateStreamsOptions {
  enter(owner: number, op: number, id: number, value?: unknown, second?: unknown): void;
  onViolation(what: string): void;
}

interface OpenInbound {
  /** Granted and not pushed yet. Below 0: something came with what began the stream. */
  credit: number;
  receiver: InboundReceiver;
}

interface OpenOutbound {
  /** Granted and not posted yet. */
  credit: number;
  /** To be granted, when there is room for it. */
  owed: number;
  receiver: OutboundReceiver;
  carried: number;
  /** Bytes of the window are free again. */
  passedOn(bytes: number): void;
  window: Window | undefined;
}

interface Window {
  bytes: Uint8Array;
  /** Where the next chunk lies. */
  at: number;
  /** What is not passed on yet. */
  busy: number;
}

/** A stream that has carried so much gets a window. */
const MIN_CARRIED_BYTES = 128 * 1024;
const WINDOW_BYTES = 512 * 1024;
/** Less is granted at a time only where there is no more to grant: each grant is an entry. */
const MIN_GRANT_BYTES = 128 * 1024;
const nothing = () => undefined;

/** The platform's own window is a quarter of it. What is granted may all wait for a busy isolate, in the host's memory. */
const MAX_CREDIT_BYTES = 1024 * 1024;
const MAX_WHY_LENGTH = 64 * 1024;

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its steps share their state
export function createIsolateStreams({ enter, onViolation }: IsolateStreamsOptions): IsolateStreams {
  const inbounds = new Map<number, OpenInbound>();
  const outbounds = new Map<number, OpenOutbound>();
  let lastId = 0;

  const grantOwed = (id: number, outbound: OpenOutbound, owner: number) => {
    const { receiver, carried, credit, window } = outbound;
    const isShared = window !== undefined;
    const mayShare = receiver.isBorrower === true && carried >= MIN_CARRIED_BYTES;
    const room = isShared || mayShare ? WINDOW_BYTES - credit - (window?.busy ?? 0) : outbound.owed;
    const bytes = Math.min(outbound.owed, room);
    if (bytes <= 0 || bytes < Math.min(outbound.owed, MIN_GRANT_BYTES)) return;
    outbound.owed -= bytes;
    outbound.credit += bytes;
    if (isShared || !mayShare) return enter(owner, EnterOp.credit, id, bytes);
    const shared = new SharedArrayBuffer(WINDOW_BYTES);
    outbound.window = { bytes: new Uint8Array(shared), at: 0, busy: 0 };
    enter(owner, EnterOp.credit, id, bytes, shared);
  };

  return {
    openInbound(owner, receiver) {
      lastId += 1;
      const id = lastId;
      const inbound: OpenInbound = { credit: 0, receiver };
      inbounds.set(id, inbound);
      return {
        id,
        push(bytes) {
          if (!inbounds.has(id)) return;
          inbound.credit -= bytes.byteLength;
          enter(owner, EnterOp.chunk, id, bytes);
        },
        end(why) {
          if (inbounds.delete(id)) enter(owner, EnterOp.end, id, why);
        },
      };
    },
    openOutbound(id, owner, receiver) {
      if (typeof id !== "number" || outbounds.has(id)) return undefined;
      const outbound: OpenOutbound = {
        credit: 0,
        owed: 0,
        receiver,
        carried: 0,
        window: undefined,
        passedOn(bytes) {
          if (outbound.window !== undefined) outbound.window.busy -= bytes;
          if (outbounds.get(id) === outbound) grantOwed(id, outbound, owner);
        },
      };
      outbounds.set(id, outbound);
      return {
        grant(bytes) {
          if (outbounds.get(id) !== outbound || bytes <= 0) return;
          outbound.owed += bytes;
          grantOwed(id, outbound, owner);
        },
        cancel() {
          if (outbounds.get(id) !== outbound) return;
          outbounds.delete(id);
          enter(owner, EnterOp.cancel, id);
        },
      };
    },
    discard(id, owner) {
      if (typeof id === "number" && !outbounds.has(id)) enter(owner, EnterOp.cancel, id);
    },
    chunk(id, value) {
      const outbound = outbounds.get(Number(id));
      if (outbound === undefined) return;
      const { window } = outbound;
      const bytes = typeof value === "number" ? bytesIn(window, value) : bytesOf(value);
      if (bytes === undefined || bytes.byteLength > outbound.credit) {
        outbounds.delete(Number(id));
        outbound.receiver.onEnd("the isolate sent what it was not granted");
        return onViolation("it sent stream data that it was not granted");
      }
      if (bytes.byteLength === 0) return;
      const size = bytes.byteLength;
      outbound.credit -= size;
      outbound.carried += size;
      if (window === undefined || typeof value !== "number") {
        outbound.receiver.onChunk(bytes, nothing);
        return outbound.passedOn(0);
      }
      window.busy += size;
      window.at = (window.at + size) % WINDOW_BYTES;
      outbound.receiver.onChunk(bytes, () => outbound.passedOn(size));
    },
    end(id, why, trailers) {
      const outbound = outbounds.get(Number(id));
      if (outbound === undefined) return;
      outbounds.delete(Number(id));
      if (why !== undefined) outbound.receiver.onEnd(String(why).slice(0, MAX_WHY_LENGTH));
      else outbound.receiver.onEnd(undefined, typeof trailers === "string" ? trailers : undefined);
    },
    credit(id, bytes) {
      const inbound = inbounds.get(Number(id));
      if (inbound === undefined || !Number.isSafeInteger(bytes) || Number(bytes) <= 0) return;
      if (inbound.credit + Number(bytes) > MAX_CREDIT_BYTES) {
        return onViolation("it granted a stream more than its window");
      }
      inbound.credit += Number(bytes);
      inbound.receiver.onCredit(Number(bytes));
    },
    cancel(id) {
      const inbound = inbounds.get(Number(id));
      if (inbounds.delete(Number(id))) inbound?.receiver.onCancel();
    },
    close() {
      const ends = [...outbounds.values()].map(
        ({ receiver }) =>
          () =>
            receiver.onEnd("the instance ended"),
      );
      const cancels = [...inbounds.values()].map(
        ({ receiver }) =>
          () =>
            receiver.onCancel(),
      );
      outbounds.clear();
      inbounds.clear();
      for (const tell of [...ends, ...cancels]) tell();
    },
  };
}

/** The next bytes of a window; undefined where so many are not in it. */
function bytesIn(window: Window | undefined, size: number): Uint8Array | undefined {
  if (window === undefined || !Number.isSafeInteger(size) || size < 0) return undefined;
  return size > WINDOW_BYTES - window.at ? undefined : window.bytes.subarray(window.at, window.at + size);
}

function bytesOf(value: unknown): Uint8Array | undefined {
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return typeof value === "string" ? Buffer.from(value) : undefined;
}
