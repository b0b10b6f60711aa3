/**
 * The receiving side of a stream (contracts/wire/stream.ts, I1 to I3).
 *
 * I1  `onData` gets every byte once and in order; a gap breaks the stream, and cancels it at its sender.
 * I2  `onEnd` is called once, and nothing after it.
 * I3  Its owner decides about credit: a window of its own (credit.ts), or the credit of the next reader.
 */
import { type Frame, headerNames } from "../contracts/index.ts";
import type { FrameSink, Headers } from "../nats/index.ts";
import { type Lease, OWNED } from "../nats/index.ts";
import type { Arrived, Link } from "./link.ts";

export type StreamEnd =
  /** `code` and `reason`: of a WebSocket's close. */
  | { kind: "whole"; trailers: Headers; code: string; reason: string }
  /** `code`: of the error catalogue. */
  | { kind: "broken"; code: string };

export interface StreamReceiverOptions {
  link: Link;
  /** The bytes are valid during the call, and for as long as their memory is held. */
  onData(bytes: Uint8Array, lease: Lease): void;
  /** A message of a WebSocket, or a fragment of one: valid during the call. Default: there are none, and one breaks the stream. */
  onMessage?(kind: "text" | "binary", bytes: Uint8Array, hasMore: boolean): void;
  onEnd(end: StreamEnd): void;
}

export class StreamReceiver implements FrameSink {
  readonly #options: StreamReceiverOptions;
  #seq = 0;
  #isOver = false;

  constructor(options: StreamReceiverOptions) {
    this.#options = options;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The sender may send so much more. The first grant opens the stream. */
  grant(bytes: number): void {
    if (!this.#isOver) this.#options.link.send({ kind: "credit", bytes }, "");
  }

  /** Cancels the stream. Its owner knows: `onEnd` is not called. */
  cancel(code: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.link.send({ kind: "cancel", code }, "");
  }

  /** The stream cannot go on for a reason of this side: the sender is gone, or the connection was away. */
  breakOff(code: string): void {
    if (this.#isOver) return;
    this.#finish({ kind: "broken", code });
  }

  beginData(seq: number): boolean {
    return this.#isNext(seq);
  }

  data(bytes: Uint8Array, lease: Lease): void {
    if (!this.#isOver) this.#options.onData(bytes, lease);
  }

  /** Takes a frame of the sender. */
  receive(frame: Extract<Frame, { seq: number }>, { data, headers }: Arrived): void {
    const { onMessage } = this.#options;
    const isMessage = frame.kind === "text" || frame.kind === "binary";
    if (!this.#isNext(isMessage && onMessage === undefined ? -1 : frame.seq)) return;
    if (frame.kind === "data") this.data(data, OWNED);
    else if (frame.kind === "break") this.#finish({ kind: "broken", code: frame.code });
    else if (frame.kind === "end") {
      const reason = data.byteLength === 0 ? "" : new TextDecoder().decode(data);
      this.#finish({ kind: "whole", trailers: trailersOf(headers), code: frame.code, reason });
    } else onMessage?.(frame.kind, data, frame.hasMore);
  }

  /** Counts a frame. Any frame but the next shows that one was lost, or that the sender is at fault. */
  #isNext(seq: number): boolean {
    if (this.#isOver) return false;
    if (seq === this.#seq) {
      this.#seq += 1;
      return true;
    }
    this.cancel("STREAM_BROKEN");
    this.#options.onEnd({ kind: "broken", code: "STREAM_BROKEN" });
    return false;
  }

  #finish(end: StreamEnd): void {
    this.#isOver = true;
    this.#options.onEnd(end);
  }
}

function trailersOf(headers: Headers | undefined): Headers {
  const trailers: Headers = new Map(headers ?? []);
  trailers.delete(headerNames.frame);
  return trailers;
}
