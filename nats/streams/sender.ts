/**
 * The sending side of a stream over NATS (contracts/stream.ts, I1 to I3).
 *
 * I1  `write` never sends beyond the credit: what has no room yet waits here, and `onCredit` tells when there is some.
 * I2  Frames carry consecutive numbers; a body's bytes leave in the order in which they were written.
 * I3  After `end`, `break` or the receiver's `cancel` nothing is sent.
 */
import { type Frame, MAX_FRAME_BYTES } from "../../contracts/index.ts";
import type { Headers } from "../headers.ts";
import { frameHeaders, type SendFrame } from "./frames.ts";

export interface StreamSenderOptions {
  send: SendFrame;
  /** The receiver has room for so many more bytes than it had. */
  onCredit?(bytes: number): void;
  /** The receiver wants no more. */
  onCancel(code: string): void;
  /** All that was written has left, and the end with it. */
  onEnded?(): void;
}

export class StreamSender {
  readonly #options: StreamSenderOptions;
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #credit = 0;
  #seq = 0;
  #ending: { code: string; trailers: Headers | undefined } | undefined;
  #isOver = false;

  constructor(options: StreamSenderOptions) {
    this.#options = options;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Bytes that were written and have no room yet. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  write(bytes: Uint8Array): void {
    if (this.#isOver || this.#ending !== undefined || bytes.byteLength === 0) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.byteLength;
    this.#pump();
  }

  /** The body is whole: says so after all that was written. */
  end(trailers?: Headers): void {
    if (this.#isOver || this.#ending !== undefined) return;
    this.#ending = { code: "", trailers };
    this.#pump();
  }

  /** The body broke: says so at once. */
  break(code: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#waiting.length = 0;
    this.#options.send(frameHeaders({ kind: "break", seq: this.#seq++, code }), "");
  }

  /** Takes what the receiver says. */
  receive(frame: Extract<Frame, { kind: "credit" | "cancel" }>): void {
    if (this.#isOver) return;
    if (frame.kind === "cancel") {
      this.#isOver = true;
      this.#waiting.length = 0;
      this.#options.onCancel(frame.code);
      return;
    }
    this.#credit += frame.bytes;
    this.#pump();
    if (!this.#isOver) this.#options.onCredit?.(frame.bytes);
  }

  #pump(): void {
    for (let first = this.#waiting[0]; first !== undefined && this.#credit > 0; first = this.#waiting[0]) {
      const size = Math.min(first.byteLength, this.#credit, MAX_FRAME_BYTES);
      if (size === first.byteLength) this.#waiting.shift();
      else this.#waiting[0] = first.subarray(size);
      this.#credit -= size;
      this.#waitingBytes -= size;
      this.#options.send(frameHeaders({ kind: "data", seq: this.#seq++ }), first.subarray(0, size));
    }
    if (this.#ending === undefined || this.#waiting.length > 0 || this.#isOver) return;
    this.#isOver = true;
    const headers = frameHeaders({ kind: "end", seq: this.#seq++, code: this.#ending.code });
    for (const [name, values] of this.#ending.trailers ?? []) headers.set(name, values);
    this.#options.send(headers, "");
    this.#options.onEnded?.();
  }
}
