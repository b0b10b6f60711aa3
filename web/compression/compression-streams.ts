/** The Compression standard's transform streams, by the host's zlib. */
import { showFields } from "../console/inspection.ts";
import type { ReadableStream, WritableStream } from "../streams/streams.ts";
import { asInterface, requireArguments, toEnum } from "../webidl/webidl.ts";
import { Coder, type Format } from "./coder.ts";
import { CodingPair } from "./coding-pair.ts";

const FORMATS: readonly Format[] = ["deflate", "deflate-raw", "gzip", "brotli"];

export class CompressionStream {
  readonly #pair: CodingPair;

  constructor(format: Format) {
    requireArguments(arguments.length, 1, "CompressionStream");
    this.#pair = new CodingPair(new Coder("compress", toEnum(format, FORMATS, "The format")), {
      gathers: true,
    });
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#pair.readable;
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#pair.writable;
  }
}

export class DecompressionStream {
  readonly #pair: CodingPair;

  constructor(format: Format) {
    requireArguments(arguments.length, 1, "DecompressionStream");
    this.#pair = new CodingPair(new Coder("decompress", toEnum(format, FORMATS, "The format")), {
      gathers: false,
    });
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#pair.readable;
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#pair.writable;
  }
}

asInterface("CompressionStream", CompressionStream);
asInterface("DecompressionStream", DecompressionStream);
showFields(CompressionStream, "CompressionStream", ({ readable, writable }) => ({ readable, writable }));
showFields(DecompressionStream, "DecompressionStream", ({ readable, writable }) => ({ readable, writable }));
