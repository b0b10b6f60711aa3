/**
 * The two streams of a coder: what is written to one comes out of the other, coded.
 *
 * A TransformStream would put all that a chunk becomes into its queue at once, and a chunk of 64 KB can become a
 * gigabyte. So the pair waits for a reader before each piece.
 *
 * I1  A write is over when all that it became was read, but for what a compressor keeps back.
 * I2  Whatever ends one of the streams early ends the other, with the same error, and the coder.
 * I3  The end waits for no reader: it is small, and whoever awaits `close` may read only afterwards.
 */
import { ReadableStream, WritableStream } from "../streams/streams.ts";
import type { Coder } from "./coder.ts";

/** Small pieces go to a compressor together: it gives nothing back before it has that much anyway. */
const GATHER_BYTES = 16 * 1024;

export interface CodingPair {
  readable: ReadableStream<Uint8Array>;
  writable: WritableStream<Uint8Array>;
}

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its steps share their state
export function createCodingPair(coder: Coder, { gathers }: { gathers: boolean }): CodingPair {
  let readableSide: ReadableStreamDefaultController<Uint8Array>;
  let writableSide: WritableStreamDefaultController;
  let isWanted = false;
  let failure: { error: unknown } | undefined;
  let wake: () => void = () => undefined;
  let gathered: Uint8Array[] = [];
  let gatheredBytes = 0;

  const fail = (error: unknown) => {
    failure ??= { error };
    coder.close(error);
    wake();
  };

  const wanted = async () => {
    while (!isWanted && failure === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if (failure !== undefined) throw failure.error;
  };

  const drive = async (input: Uint8Array, isLast: boolean) => {
    try {
      for await (const piece of coder.code(input, isLast)) {
        if (!isLast) await wanted();
        isWanted = false;
        readableSide.enqueue(piece);
      }
    } catch (error) {
      if (failure === undefined) {
        fail(error);
        readableSide.error(error);
      }
      throw error;
    }
  };

  const takeGathered = () => {
    const bytes = new Uint8Array(gatheredBytes);
    let at = 0;
    for (const piece of gathered) {
      bytes.set(piece, at);
      at += piece.byteLength;
    }
    gathered = [];
    gatheredBytes = 0;
    return bytes;
  };

  const readable = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        readableSide = controller;
      },
      pull() {
        isWanted = true;
        wake();
      },
      cancel(reason) {
        fail(reason);
        writableSide.error(reason);
      },
    },
    { highWaterMark: 0 },
  );

  const writable = new WritableStream<Uint8Array>({
    start(controller) {
      writableSide = controller;
      // A write that waits for a reader must not outlive the abort that is to end it.
      controller.signal.addEventListener("abort", () => fail(controller.signal.reason));
    },
    async write(chunk) {
      try {
        const bytes = ownBytesOf(chunk);
        await wanted();
        if (!gathers || bytes.byteLength >= GATHER_BYTES) {
          if (gatheredBytes > 0) await drive(takeGathered(), false);
          return await drive(bytes, false);
        }
        gathered.push(bytes.slice());
        gatheredBytes += bytes.byteLength;
        if (gatheredBytes >= GATHER_BYTES) await drive(takeGathered(), false);
      } catch (error) {
        fail(error);
        readableSide.error(error);
        throw error;
      }
    },
    async close() {
      await drive(takeGathered(), true);
      readableSide.close();
    },
    abort(reason) {
      fail(reason);
      readableSide.error(reason);
    },
  });

  return { readable, writable };
}

/** A chunk's bytes; what is shared with other threads is no input (Compression, "BufferSource"). */
function ownBytesOf(chunk: unknown): Uint8Array {
  const buffer = ArrayBuffer.isView(chunk) ? chunk.buffer : chunk;
  if (!(buffer instanceof ArrayBuffer))
    throw new TypeError("A chunk is neither an ArrayBuffer nor a view on one");
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(buffer, chunk.byteOffset, chunk.byteLength);
  return buffer.detached ? new Uint8Array() : new Uint8Array(buffer);
}
