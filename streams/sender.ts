/**
 * The sending side of a stream (contracts/wire/stream.ts, I1 to I3).
 *
 * I1  `write` never sends beyond the credit. Bytes without credit wait here, and `onCredit` reports new credit.
 * I2  Frames carry consecutive numbers; a body's bytes leave in the order in which they were written.
 * I3  After `end`, `break` or the receiver's `cancel` nothing is sent.
 */
import { type Frame, MAX_FRAME_BYTES, SOCKET_FRAME_OVERHEAD_BYTES } from "../contracts/index.ts";
import type { Headers } from "../nats/index.ts";
import { CreditGate, MAX_WAITING_BYTES, type Piece } from "./credit.ts";
import type { Link } from "./link.ts";
import type { Pace } from "./pace.ts";

export interface StreamSenderOptions {
  link: Link;
  /** The receiver has room for so many more bytes than it had. */
  onCredit?(bytes: number): void;
  /** The receiver wants no more. */
  onCancel(code: string): void;
  /** All bytes have left, and the end with them. */
  onEnded?(): void;
  /** Measures the source of the bytes. */
  pace?: Pace;
  /** Upper bound of the bytes that wait before the sender is full. Default: MAX_WAITING_BYTES. */
  maxWaitingBytes?: number;
}

export class StreamSender {
  readonly #options: StreamSenderOptions;
  readonly #gate = new CreditGate<Part>(MAX_FRAME_BYTES, (piece, bytes, isLast) =>
    this.#send(piece, bytes, isLast),
  );
  #seq = 0;
  #ending: { code: string; reason: string; trailers: Headers | undefined } | undefined;
  #isOver = false;

  constructor(options: StreamSenderOptions) {
    this.#options = options;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Bytes that were written and have no credit yet, with the overhead of their frames. */
  get waitingBytes(): number {
    return this.#gate.waitingBytes;
  }

  /** So much waits for credit that the source has to pause, until `onCredit`. */
  get isFull(): boolean {
    return this.#gate.waitingBytes > (this.#options.maxWaitingBytes ?? MAX_WAITING_BYTES);
  }

  /** `done` is called when the bytes have left, and may change. */
  write(bytes: Uint8Array, done?: () => void): void {
    if (bytes.byteLength > 0) this.#write({ kind: "data", bytes, overheadBytes: 0, done });
  }

  /** A message of a WebSocket. It may be empty, and goes in fragments where it is large. */
  message(kind: "text" | "binary", bytes: Uint8Array): void {
    this.#write({ kind, bytes, overheadBytes: SOCKET_FRAME_OVERHEAD_BYTES, done: undefined });
  }

  /** The body is whole: its end is sent after all bytes. */
  end(trailers?: Headers): void {
    this.#endWith("", "", trailers);
  }

  /** A WebSocket's close, after all messages. */
  close(code: number, reason: string): void {
    this.#endWith(String(code), reason, undefined);
  }

  /** Sends that the body broke, at once. */
  break(code: string): void {
    if (this.abandon()) this.#options.link.send({ kind: "break", seq: this.#seq++, code }, "");
  }

  /** Bytes that wait are not sent any more; an end that waits for them is sent now. */
  drop(): void {
    this.#gate.clear();
    this.#sendEnd();
  }

  /** Sends nothing more, not even an end. Returns whether the stream had not ended. */
  abandon(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#gate.clear();
    return true;
  }

  /** Takes a frame of the receiver. */
  receive(frame: Extract<Frame, { kind: "credit" | "cancel" }>): void {
    if (this.#isOver) return;
    if (frame.kind === "cancel") {
      this.abandon();
      this.#options.onCancel(frame.code);
      return;
    }
    this.#gate.grant(frame.bytes);
    this.#afterPassing();
    if (!this.#isOver) this.#options.onCredit?.(frame.bytes);
  }

  #write(part: Part): void {
    if (this.#isOver || this.#ending !== undefined) return;
    this.#options.pace?.arrived(part.bytes.byteLength);
    this.#gate.write(part);
    this.#afterPassing();
  }

  #send({ kind, done }: Part, bytes: Uint8Array, isLast: boolean): void {
    const seq = this.#seq++;
    if (kind === "data") this.#options.link.send({ kind, seq }, bytes, isLast ? done : undefined);
    else this.#options.link.send({ kind, seq, hasMore: !isLast }, bytes);
  }

  #afterPassing(): void {
    if (this.#gate.isOpen) this.#options.pace?.await();
    this.#sendEnd();
  }

  #endWith(code: string, reason: string, trailers: Headers | undefined): void {
    if (this.#isOver || this.#ending !== undefined) return;
    this.#ending = { code, reason, trailers };
    this.#sendEnd();
  }

  /** Sends the end, where there is one and nothing waits before it. */
  #sendEnd(): void {
    if (this.#ending === undefined || !this.#gate.isEmpty || this.#isOver) return;
    this.#isOver = true;
    const { code, reason, trailers } = this.#ending;
    this.#options.link.send({ kind: "end", seq: this.#seq++, code }, reason, undefined, trailers);
    this.#options.onEnded?.();
  }
}

/** Bytes of a body, or a message of a WebSocket. */
interface Part extends Piece {
  readonly kind: "data" | "text" | "binary";
  readonly done: (() => void) | undefined;
}
