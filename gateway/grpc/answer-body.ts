/**
 * Passes the messages of a streamed answer on.
 *
 * I1  Credit goes back when the operating system has taken the bytes: a slow reader slows the function.
 * I2  Bytes that wait for a slow reader are joined: many small messages would take a hundred times their size.
 * I3  The end comes after all bytes, and is reported once. A body that ends within a message is an error.
 */
import type { ServerHttp2Stream } from "node:http2";
import { ByteQueue, FrameScanner } from "../../contracts/index.ts";
import type { ResponseBody, StreamEnd } from "../../streams/index.ts";
import type { Answer } from "./answer.ts";
import { faultStatus, type GrpcStatus } from "./status.ts";

/** Smaller pieces are copied: that is cheap, and frees the large read buffer around them. */
const MIN_HELD_BYTES = 16 * 1024;

export class AnswerBody {
  readonly #answer: Answer;
  readonly #body: ResponseBody;
  readonly #onEnd: (end: StreamEnd | GrpcStatus) => void;
  readonly #scanner = new FrameScanner({ maxBytes: Number.POSITIVE_INFINITY, mayCompress: true });
  readonly #waiting = new ByteQueue();

  constructor(
    answer: Answer,
    body: ResponseBody,
    stream: ServerHttp2Stream,
    onEnd: (end: StreamEnd | GrpcStatus) => void,
  ) {
    this.#answer = answer;
    this.#body = body;
    this.#onEnd = onEnd;
    stream.on("drain", () => this.#writeWaiting());
  }

  begin(): void {
    this.#body.open({
      onData: (bytes, lease) => {
        const fault = this.#scanner.add(bytes);
        if (fault !== undefined) return this.#onEnd(faultStatus(fault));
        const isLittle = bytes.byteLength < MIN_HELD_BYTES;
        if (this.#waiting.byteLength > 0 || (isLittle && this.#answer.needsDrain))
          return this.#waiting.push(Buffer.from(bytes));
        const release = isLittle ? undefined : lease.hold();
        this.#write(release === undefined ? Buffer.from(bytes) : bytes, release);
      },
      onEnd: (end) => {
        const fault = end.kind === "whole" ? this.#scanner.end() : undefined;
        this.#writeWaiting();
        this.#onEnd(fault === undefined ? end : faultStatus(fault));
      },
    });
  }

  #write(bytes: Uint8Array, release?: () => void): void {
    this.#answer.write(bytes, (error) => {
      release?.();
      if (error === null || error === undefined) this.#body.consumed(bytes.byteLength);
    });
  }

  #writeWaiting(): void {
    for (let part = this.#waiting.shift(); part !== undefined; part = this.#waiting.shift())
      this.#write(part);
  }
}
