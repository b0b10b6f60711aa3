/**
 * The body of a response on its way out.
 *
 * I1  A chunk is read when there is credit for it: a slow client slows the handler.
 * I2  A body that broke is reported as broken. One end is reported, and none after `cancel`.
 */
import type { ReadableStreamReadResult } from "node:stream/web";
import type { ResponseBody, ResponseBodyReceiver } from "../instance/sandbox.ts";
import { errorText } from "./error-text.ts";

/** The part of a stream that was read before its receiver was known. */
export interface BegunBody {
  readonly reader: ReadableStreamDefaultReader<unknown>;
  readonly first: Uint8Array[];
  /** The read that is under way. */
  reading: Promise<ReadableStreamReadResult<unknown>> | undefined;
}

export class LeavingBody implements ResponseBody {
  readonly #body: BegunBody;
  readonly #receiver: ResponseBodyReceiver;
  readonly #trailers: () => string | undefined;
  readonly #onOver: () => void;
  #credit = 0;
  #isPumping = false;
  #isOver = false;

  constructor(
    body: BegunBody,
    receiver: ResponseBodyReceiver,
    { trailers, onOver }: { trailers(): string | undefined; onOver(): void },
  ) {
    this.#body = body;
    this.#receiver = receiver;
    this.#trailers = trailers;
    this.#onOver = onOver;
  }

  grant(bytes: number): void {
    this.#credit += bytes;
    if (!this.#isPumping) void this.#pump();
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#over();
    void this.#body.reader
      .cancel(new DOMException("The rest is not needed", "AbortError"))
      .catch(() => undefined);
  }

  /** The sandbox ends. */
  close(): void {
    if (this.#isOver) return;
    this.cancel();
    this.#receiver.onEnd("the instance ended");
  }

  async #pump(): Promise<void> {
    this.#isPumping = true;
    try {
      while (this.#credit > 0 && !this.#isOver) {
        const chunk = await nextChunk(this.#body);
        if (this.#isOver) return;
        if (chunk === undefined) return this.#end(undefined);
        this.#credit -= chunk.byteLength;
        if (chunk.byteLength > 0) this.#receiver.onChunk(chunk, () => undefined);
      }
    } catch (error) {
      this.#end(errorText(error));
    } finally {
      this.#isPumping = false;
    }
  }

  #end(why: string | undefined): void {
    if (this.#isOver) return;
    this.#over();
    if (why === undefined) this.#receiver.onEnd(undefined, this.#trailers());
    else {
      this.#receiver.onEnd(why);
      void this.#body.reader.cancel(why).catch(() => undefined);
    }
  }

  #over(): void {
    this.#isOver = true;
    this.#onOver();
  }
}

/** The next chunk of a body; undefined at its end. Throws where the stream broke. */
export async function nextChunk(body: BegunBody): Promise<Uint8Array | undefined> {
  const early = body.first.shift();
  if (early !== undefined) return early;
  const reading = body.reading ?? body.reader.read();
  body.reading = undefined;
  const { done, value } = await reading;
  return done ? undefined : bytesOf(value);
}

/** Error: TypeError, for a chunk that is not bytes. */
function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  throw new TypeError("a chunk of the response's body is no Uint8Array");
}

/** Upper bound of the chunks that are read before the head is sent: a body may have no end, and never wait. */
const MAX_EARLY_CHUNKS = 4;

/**
 * Begins to read a body. A body that ends within a turn of the event loop, as that of a text does, is given whole: it goes
 * out in one message with its head. Another one is not waited for.
 */
export async function beginBody(stream: ReadableStream<unknown>): Promise<Uint8Array | BegunBody> {
  const reader = stream.getReader();
  const first: Uint8Array[] = [];
  let isLate = false;
  const turn = new Promise<"late">((resolve) => {
    setImmediate(() => {
      isLate = true;
      resolve("late");
    });
  });
  while (!isLate && first.length < MAX_EARLY_CHUNKS) {
    const reading = reader.read();
    const result = await Promise.race([reading, turn]);
    if (result === "late") return { reader, first, reading };
    if (result.done) return first.length === 1 && first[0] !== undefined ? first[0] : Buffer.concat(first);
    first.push(bytesOf(result.value));
  }
  return { reader, first, reading: undefined };
}

/** Bytes that were read whole, as a body that was begun. */
export function begunOf(bytes: Uint8Array): BegunBody {
  const empty = new ReadableStream<unknown>({ start: (controller) => controller.close() });
  return { reader: empty.getReader(), first: bytes.byteLength === 0 ? [] : [bytes], reading: undefined };
}
