/**
 * The sending side of a stream over NATS (contracts/stream.ts, I1 to I3).
 *
 * I1  `write` never sends beyond the credit: what has no room yet waits here, and `onCredit` tells when there is some.
 * I2  Frames carry consecutive numbers; a body's bytes leave in the order in which they were written.
 * I3  After `end`, `break` or the receiver's `cancel` nothing is sent.
 */
import { type Frame, MAX_FRAME_BYTES, SOCKET_FRAME_OVERHEAD_BYTES } from "../contracts/index.ts";
import type { Headers } from "../nats/index.ts";
import { frameHeaders, type SendData, type SendFrame } from "./frames.ts";
import type { Pace } from "./pace.ts";

export interface StreamSenderOptions {
  send: SendFrame;
  sendData: SendData;
  /** The receiver has room for so many more bytes than it had. */
  onCredit?(bytes: number): void;
  /** The receiver wants no more. */
  onCancel(code: string): void;
  /** All that was written has left, and the end with it. */
  onEnded?(): void;
  /** Measures whoever writes. */
  pace?: Pace;
}

export class StreamSender {
  readonly #options: StreamSenderOptions;
  readonly #waiting: Piece[] = [];
  #waitingBytes = 0;
  #credit = 0;
  #seq = 0;
  #ending: { code: string; reason: string; trailers: Headers | undefined } | undefined;
  #isOver = false;

  constructor(options: StreamSenderOptions) {
    this.#options = options;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** What was written and has no room yet, counted as credit is. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** `done` is called when the bytes have left, and may change. */
  write(bytes: Uint8Array, done?: () => void): void {
    if (this.#isOver || this.#ending !== undefined || bytes.byteLength === 0) return;
    this.#queue("data", bytes, done);
  }

  /** A message of a WebSocket: it may be empty, and goes in fragments where it is large. */
  message(kind: "text" | "binary", bytes: Uint8Array): void {
    if (!this.#isOver && this.#ending === undefined) this.#queue(kind, bytes);
  }

  /** The body is whole: says so after all that was written. */
  end(trailers?: Headers): void {
    if (this.#isOver || this.#ending !== undefined) return;
    this.#ending = { code: "", reason: "", trailers };
    this.#pump();
  }

  /** A WebSocket's close, after all messages. */
  close(code: number, reason: string): void {
    if (this.#isOver || this.#ending !== undefined) return;
    this.#ending = { code: String(code), reason, trailers: undefined };
    this.#pump();
  }

  /** The body broke: says so at once. */
  break(code: string): void {
    if (this.abandon()) this.#options.send(frameHeaders({ kind: "break", seq: this.#seq++, code }), "");
  }

  /** What waits is not sent any more: an end that waits for it is said now. */
  drop(): void {
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
    this.#pump();
  }

  /** Says nothing more, not even that. Returns whether there was more to say. */
  abandon(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
    return true;
  }

  /** Takes what the receiver says. */
  receive(frame: Extract<Frame, { kind: "credit" | "cancel" }>): void {
    if (this.#isOver) return;
    if (frame.kind === "cancel") {
      this.abandon();
      this.#options.onCancel(frame.code);
      return;
    }
    this.#credit += frame.bytes;
    this.#pump();
    if (!this.#isOver) this.#options.onCredit?.(frame.bytes);
  }

  #queue(kind: Piece["kind"], bytes: Uint8Array, done?: () => void): void {
    this.#waiting.push({ kind, bytes, done });
    this.#waitingBytes += bytes.byteLength + overheadOf(kind);
    this.#options.pace?.arrived(bytes.byteLength);
    this.#pump();
  }

  #pump(): void {
    for (let first = this.#waiting[0]; first !== undefined && this.#credit > 0; first = this.#waiting[0]) {
      const { kind, bytes, done } = first;
      const size = Math.min(bytes.byteLength, this.#credit, MAX_FRAME_BYTES);
      const hasMore = size < bytes.byteLength;
      if (hasMore) this.#waiting[0] = { kind, bytes: bytes.subarray(size), done };
      else this.#waiting.shift();
      // The overhead of one frame may be over the credit: the next one waits until it is paid back.
      this.#credit -= size + overheadOf(kind);
      this.#waitingBytes -= size + (hasMore ? 0 : overheadOf(kind));
      const seq = this.#seq++;
      const part = hasMore ? bytes.subarray(0, size) : bytes;
      if (kind === "data") this.#options.sendData(seq, part, hasMore ? undefined : done);
      else this.#options.send(frameHeaders({ kind, seq, hasMore }), part);
    }
    if (this.#waiting.length === 0 && this.#credit > 0) this.#options.pace?.await();
    if (this.#ending === undefined || this.#waiting.length > 0 || this.#isOver) return;
    this.#isOver = true;
    const { code, reason, trailers } = this.#ending;
    const frame = frameHeaders({ kind: "end", seq: this.#seq++, code });
    // What the frame is comes last: no trailer may say otherwise.
    const headers: Headers = new Map([...(trailers ?? []), ...frame]);
    this.#options.send(headers, reason);
    this.#options.onEnded?.();
  }
}

function overheadOf(kind: Piece["kind"]): number {
  return kind === "data" ? 0 : SOCKET_FRAME_OVERHEAD_BYTES;
}

/** What waits for credit. */
interface Piece {
  kind: "data" | "text" | "binary";
  bytes: Uint8Array;
  done: (() => void) | undefined;
}
