/**
 * A coder of the host. It codes step by step: input crosses to the host, output comes back in bounded pieces.
 *
 * I1  The host has a coder from the first step to the end, to a failure or to `close`.
 * I2  One step at a time.
 */
import { DOMException } from "../dom/dom-exception.ts";
import { callHost, type HostCall, HostFailure } from "../host/host-call.ts";

/** Upper bound of the input in one message. */
const MAX_INPUT_BYTES = 64 * 1024;

type Direction = "compress" | "decompress";
export type Format = "deflate" | "deflate-raw" | "gzip" | "brotli";

let lastId = 0;

export class Coder {
  readonly #kind: string;
  #id: number | undefined;
  /** The current step. */
  #step: { call: HostCall; giveUp(reason: unknown): void } | undefined;
  #isClosed = false;

  constructor(direction: Direction, format: Format) {
    this.#kind = `${direction}:${format}`;
  }

  /** The output for the input, piece by piece. A piece that is not requested stays in the host, not yet coded. */
  async *code(input: Uint8Array, isLast: boolean): AsyncGenerator<Uint8Array, void, void> {
    let rest = input;
    do {
      const piece = rest.subarray(0, MAX_INPUT_BYTES);
      rest = rest.subarray(piece.byteLength);
      const isEnd = isLast && rest.byteLength === 0;
      let result = await this.#move(piece, isEnd);
      while (true) {
        if (result.output.byteLength > 0) yield new Uint8Array(result.output);
        if (!result.isMore) break;
        result = await this.#move(new Uint8Array(), isEnd);
      }
    } while (rest.byteLength > 0);
    if (isLast) this.#isClosed = true;
  }

  /** Releases the coder in the host. The current step fails with the reason. */
  close(reason: unknown): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#step?.call.cancel();
    this.#step?.giveUp(reason);
    if (this.#id !== undefined) callHost("compression.close", this.#id).result.catch(() => undefined);
  }

  async #move(input: Uint8Array, isLast: boolean): Promise<{ output: ArrayBuffer; isMore: boolean }> {
    const isFirst = this.#id === undefined;
    if (isFirst) lastId += 1;
    this.#id ??= lastId;
    const kind = isFirst ? this.#kind : undefined;
    const call = callHost("compression.step", this.#id, input.slice().buffer as ArrayBuffer, isLast, kind);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    call.result.then(resolve, (failure: unknown) => {
      // The host has already closed the coder.
      this.#isClosed = true;
      reject(failure instanceof HostFailure ? errorOf(failure) : failure);
    });
    this.#step = { call, giveUp: reject };
    try {
      return (await promise) as { output: ArrayBuffer; isMore: boolean };
    } finally {
      this.#step = undefined;
    }
  }
}

function errorOf({ name, message }: HostFailure): Error {
  return name === "TypeError" ? new TypeError(message) : (new DOMException(message, name) as Error);
}
