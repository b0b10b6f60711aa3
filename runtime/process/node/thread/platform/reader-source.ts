/** The bytes of a stream of Node, in place of web/fetch/reader-source.ts. */
import type { ByteSource } from "../../../../../web/thread.ts";

export class ReaderSource implements ByteSource {
  readonly #reader: ReadableStreamDefaultReader<unknown>;

  constructor(stream: ReadableStream<unknown>) {
    this.#reader = stream.getReader();
  }

  async read(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      if (!(value instanceof Uint8Array)) {
        const error = new TypeError("A chunk of the body's stream is not a Uint8Array");
        this.cancel(error);
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
  const chunks: Uint8Array[] = [];
  for (let chunk = await source.read(); chunk !== undefined; chunk = await source.read()) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}
