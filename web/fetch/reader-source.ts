import { structuredClone } from "../dom/structured-clone.ts";
import { joinPieces } from "../file/blob.ts";
import type { ByteSource } from "../host/inbound-stream.ts";
import { isByteStream, lockStream, ReadableStream, type StreamReader } from "../streams/streams.ts";

/** The bytes of a stream, which it locks. What the stream gives besides Uint8Arrays breaks it. */
export class ReaderSource implements ByteSource {
  readonly #reader: StreamReader;
  readonly isGivenAway: boolean;

  constructor(stream: ReadableStream) {
    // A byte stream takes what it is given from whoever gave it; others leave it in their hands.
    this.isGivenAway = isByteStream(stream);
    this.#reader = lockStream(stream);
  }

  async read(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      if (!(value instanceof Uint8Array)) {
        const error = new TypeError("A body's stream gave something else than a Uint8Array");
        this.#reader.cancel(error).catch(() => undefined);
        throw error;
      }
      if (value.byteLength > 0) return value as Uint8Array<ArrayBuffer>;
    }
  }

  cancel(reason?: unknown): void {
    this.#reader.cancel(reason).catch(() => undefined);
  }
}

/** All bytes of a source, in a buffer of their own. */
export async function readAll(source: ByteSource): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for (let chunk = await source.read(); chunk !== undefined; chunk = await source.read()) chunks.push(chunk);
  const [only] = chunks;
  // What user code's stream gave may still be in its hands.
  const isOwn = !(source instanceof ReaderSource);
  return isOwn && only !== undefined && chunks.length === 1 ? only : joinPieces(chunks);
}

/** The stream with copies of its chunks: the other branch of a `tee` gives the same ones to somebody else. */
export function cloneChunks(stream: ReadableStream): ReadableStream {
  const reader = lockStream(stream);
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(structuredClone(value));
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
