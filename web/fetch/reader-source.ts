import { structuredClone } from "../cloning/structured-clone.ts";
import { joinPieces } from "../file/blob.ts";
import type { ByteSource } from "../host/inbound-stream.ts";
import { isByteStream, lockStream, ReadableStream, type StreamReader } from "../streams/streams.ts";

/** The bytes of a stream, which it locks. A chunk that is not a Uint8Array breaks the source. */
export class ReaderSource implements ByteSource {
  readonly #reader: StreamReader;
  readonly isGivenAway: boolean;

  constructor(stream: ReadableStream) {
    // A byte stream takes ownership of its chunks. Other streams leave them to the producer.
    this.isGivenAway = isByteStream(stream);
    this.#reader = lockStream(stream);
  }

  async read(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      if (!(value instanceof Uint8Array)) {
        const error = new TypeError("A chunk of the body's stream is not a Uint8Array");
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
  // User code may still hold a chunk of its own stream.
  const isOwn = !(source instanceof ReaderSource);
  return isOwn && only !== undefined && chunks.length === 1 ? only : joinPieces(chunks);
}

/** The stream with copies of its chunks: both branches of a `tee` give the same chunks. */
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
