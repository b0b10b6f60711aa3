/**
 * Reads the messages of a call: whole where they come together with the end of the stream, as those of a unary call do, else
 * their beginning, and the rest while it is sent on.
 *
 * I1  A message is never read beyond its limit, nor a body beyond its.
 * I2  At most one chunk more is read than there is credit for.
 * I3  Messages that are no longer wanted are read and dropped.
 * I4  A body that ends within a message, or by a reset, is never reported as whole.
 */
import type { ServerHttp2Stream } from "node:http2";
import { ByteQueue, type FrameFault, type FrameScanner, MAX_FRAME_BYTES } from "../../contracts/index.ts";
import { createHeaders } from "../../nats/index.ts";
import type { RemainingBody, StreamSender } from "../../streams/index.ts";

export type CallBody =
  | { kind: "whole"; data: Uint8Array }
  /** `first`: the bytes that have been read. */
  | { kind: "stream"; first: Uint8Array; rest: RemainingBody };

export interface ReadCallOptions {
  scanner: FrameScanner;
  /** Upper bound of all messages together. */
  maxBytes: number;
  /** A body is whole in memory up to this size. */
  maxWholeBytes: number;
  /** Default: the messages that have come after a moment are sent on. */
  mustBeWhole?: boolean;
  onBody(body: CallBody): void;
  /** Nothing more is reported after it. */
  onFault(fault: FrameFault | "body-too-large"): void;
}

const EMPTY = new Uint8Array();

/** How long a unary call's end may be behind its message. */
const END_MS = 2;
/** How long a first message may be behind the head: a client may wait for the answer's head before it sends one. */
const MESSAGE_MS = 20;

export class CallReader {
  readonly #stream: ServerHttp2Stream;
  readonly #options: ReadCallOptions;
  readonly #chunks = new ByteQueue();
  #size = 0;
  #timer: NodeJS.Timeout | undefined;
  #sender: StreamSender | undefined;
  #phase: "gathering" | "streaming" | "over" = "gathering";
  #hasEnded = false;

  constructor(stream: ServerHttp2Stream, options: ReadCallOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  begin(): void {
    const stream = this.#stream;
    if (stream.endAfterHeaders) {
      this.#onEnd();
      return;
    }
    stream.on("data", (chunk: Buffer) => this.#onData(chunk));
    stream.on("end", () => this.#onEnd());
    // Most unary calls come in one piece: their end is there before this runs, and they need no timer.
    setImmediate(() => {
      if (this.#phase === "gathering") this.#waitFor(this.#size > 0 ? END_MS : MESSAGE_MS);
    });
  }

  /** The call is over: nothing more is reported. */
  stop(): void {
    this.#phase = "over";
    clearTimeout(this.#timer);
    this.#chunks.concat();
  }

  #waitFor(ms: number): void {
    if (this.#options.mustBeWhole === true) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#startStream(), ms);
  }

  #onData(chunk: Buffer): void {
    if (this.#phase === "over") return;
    this.#size += chunk.byteLength;
    const fault = this.#options.scanner.add(chunk) ?? this.#overSize();
    if (fault !== undefined) this.#fail(fault);
    else if (this.#sender === undefined) this.#gather(chunk);
    else {
      this.#sender.write(chunk);
      if (this.#sender.isFull) this.#stream.pause();
    }
  }

  #gather(chunk: Buffer): void {
    this.#chunks.push(chunk);
    if (this.#phase === "streaming") this.#stream.pause();
    else if (this.#size > this.#options.maxWholeBytes) this.#startStream();
    else if (this.#timer !== undefined) this.#waitFor(END_MS);
  }

  #overSize(): "body-too-large" | undefined {
    return this.#size > this.#options.maxBytes ? "body-too-large" : undefined;
  }

  #onEnd(): void {
    // Node reports an end for a stream that the client has reset, too. Its `close` follows.
    if (this.#phase === "over" || this.#stream.closed) return;
    const fault = this.#options.scanner.end();
    if (fault !== undefined) this.#fail(fault);
    // A client of Node that cancels ends its messages first. The reset follows at once.
    else if (this.#phase === "streaming") setImmediate(() => this.#endStream());
    else {
      const data = this.#takeChunks();
      this.stop();
      this.#options.onBody({ kind: "whole", data });
    }
  }

  #endStream(): void {
    if (this.#phase === "over" || this.#stream.closed) return;
    this.#hasEnded = true;
    this.#sender?.end(createHeaders());
  }

  #startStream(): void {
    clearTimeout(this.#timer);
    this.#phase = "streaming";
    this.#stream.pause();
    const first = this.#takeChunks();
    this.#options.onBody({ kind: "stream", first, rest: this.#rest() });
  }

  #rest(): RemainingBody {
    return {
      pipe: (sender) => {
        this.#sender = sender;
        for (let part = this.#chunks.shift(); part !== undefined; part = this.#chunks.shift())
          sender.write(part);
        if (this.#hasEnded) sender.end(createHeaders());
        else this.#stream.resume();
        return () => {
          if (!sender.isFull) this.#stream.resume();
        };
      },
      cancel: () => {
        this.stop();
        this.#stream.resume();
      },
    };
  }

  #fail(fault: FrameFault | "body-too-large"): void {
    this.#sender?.break("BAD_REQUEST");
    this.stop();
    this.#options.onFault(fault);
  }

  #takeChunks(): Uint8Array {
    const first = this.#chunks.shift() ?? EMPTY;
    return this.#chunks.byteLength === 0 ? first : Buffer.concat([first, this.#chunks.concat()]);
  }
}

/** The size up to which messages that came together travel in one message of NATS. */
export const MAX_GATHERED_BYTES = MAX_FRAME_BYTES;
