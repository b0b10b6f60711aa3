/**
 * The two streams of a coder: bytes written to one come out of the other, coded.
 *
 * A TransformStream would queue the whole output of a chunk at once, and a chunk of 64 KB can become a gigabyte. So the
 * pair waits for a reader before each piece.
 *
 * I1  A write ends when its output was read. A compressor may keep back a part of it.
 * I2  An early end of one stream ends the other stream and the coder, with the same error.
 * I3  The end of the output waits for no reader. It is small, and a writer that awaits `close` may read only afterwards.
 */
import { ReadableStream, WritableStream } from "../streams/streams.ts";
import type { Coder } from "./coder.ts";

/** Size from which gathered chunks go to the compressor: with less input it returns no output anyway. */
const GATHER_BYTES = 16 * 1024;

export class CodingPair {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly #coder: Coder;
  readonly #gathers: boolean;
  readonly #gathered = new GatheredBytes();
  #readableSide: ReadableStreamDefaultController<Uint8Array> | undefined;
  #writableSide: WritableStreamDefaultController | undefined;
  #isWanted = false;
  #failure: { error: unknown } | undefined;
  #wake: () => void = () => undefined;

  /** `gathers`: small chunks are coded together. */
  constructor(coder: Coder, { gathers }: { gathers: boolean }) {
    this.#coder = coder;
    this.#gathers = gathers;
    this.readable = this.#createReadable();
    this.writable = this.#createWritable();
  }

  #createReadable(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#readableSide = controller;
        },
        pull: () => {
          this.#isWanted = true;
          this.#wake();
        },
        cancel: (reason) => {
          this.#fail(reason);
          this.#writableSide?.error(reason);
        },
      },
      { highWaterMark: 0 },
    );
  }

  #createWritable(): WritableStream<Uint8Array> {
    return new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#writableSide = controller;
        // The abort must end a write that waits for a reader.
        controller.signal.addEventListener("abort", () => this.#fail(controller.signal.reason));
      },
      write: (chunk) => this.#write(chunk),
      close: async () => {
        await this.#code(this.#gathered.take(), true);
        this.#readableSide?.close();
      },
      abort: (reason) => {
        this.#fail(reason);
        this.#readableSide?.error(reason);
      },
    });
  }

  async #write(chunk: unknown): Promise<void> {
    try {
      const bytes = ownBytesOf(chunk);
      await this.#untilWanted();
      if (!this.#gathers || bytes.byteLength >= GATHER_BYTES) {
        if (this.#gathered.byteLength > 0) await this.#code(this.#gathered.take(), false);
        return await this.#code(bytes, false);
      }
      this.#gathered.add(bytes);
      if (this.#gathered.byteLength >= GATHER_BYTES) await this.#code(this.#gathered.take(), false);
    } catch (error) {
      this.#fail(error);
      this.#readableSide?.error(error);
      throw error;
    }
  }

  /** Codes the input and enqueues each piece of output when a reader wants it. */
  async #code(input: Uint8Array, isLast: boolean): Promise<void> {
    try {
      for await (const piece of this.#coder.code(input, isLast)) {
        if (!isLast) await this.#untilWanted();
        this.#isWanted = false;
        this.#readableSide?.enqueue(piece);
      }
    } catch (error) {
      if (this.#failure === undefined) {
        this.#fail(error);
        this.#readableSide?.error(error);
      }
      throw error;
    }
  }

  /** Resolves when a reader wants output. Rejects when the pair has failed. */
  async #untilWanted(): Promise<void> {
    while (!this.#isWanted && this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#coder.close(error);
    this.#wake();
  }
}

/** Copies of small chunks, joined when they are taken. */
class GatheredBytes {
  #pieces: Uint8Array[] = [];
  #byteLength = 0;

  get byteLength(): number {
    return this.#byteLength;
  }

  add(bytes: Uint8Array): void {
    this.#pieces.push(bytes.slice());
    this.#byteLength += bytes.byteLength;
  }

  take(): Uint8Array {
    const bytes = new Uint8Array(this.#byteLength);
    let at = 0;
    for (const piece of this.#pieces) {
      bytes.set(piece, at);
      at += piece.byteLength;
    }
    this.#pieces = [];
    this.#byteLength = 0;
    return bytes;
  }
}

/** A chunk's bytes. Memory that is shared with other threads is refused (Compression, "BufferSource"). */
function ownBytesOf(chunk: unknown): Uint8Array {
  const buffer = ArrayBuffer.isView(chunk) ? chunk.buffer : chunk;
  if (!(buffer instanceof ArrayBuffer))
    throw new TypeError("A chunk is neither an ArrayBuffer nor a view on one");
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(buffer, chunk.byteOffset, chunk.byteLength);
  return buffer.detached ? new Uint8Array() : new Uint8Array(buffer);
}
