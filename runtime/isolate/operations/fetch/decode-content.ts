import { pipeline, type Readable, Transform, type TransformCallback } from "node:stream";
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from "node:zlib";

/** Upper bound of the layers of codings. Servers use one, rarely two. */
const MAX_CODINGS = 5;

/**
 * A body without its content codings (RFC 9110, section 8.4.1), decoded no faster than it is read. Undefined where it has no
 * coding, or an unknown one: the body stays coded then. Destroying the result destroys the body.
 */
export function decodeContent(body: Readable, contentEncoding: string | undefined): Readable | undefined {
  const codings = (contentEncoding ?? "")
    .toLowerCase()
    .split(",")
    .map((coding) => coding.trim())
    .filter((coding) => coding !== "" && coding !== "identity");
  if (codings.length === 0 || codings.length > MAX_CODINGS) return undefined;
  const decoders = codings.map((coding) => (Object.hasOwn(DECODERS, coding) ? DECODERS[coding] : undefined));
  if (!decoders.every((decoder) => decoder !== undefined)) return undefined;
  const stages = decoders.reverse().map((create) => new Decoder(create));
  const last = stages.at(-1);
  last?.on("error", () => undefined);
  pipeline([body, ...stages], () => undefined);
  return last;
}

type CreateDecoder = (first: Uint8Array) => Transform;

const DECODERS: Record<string, CreateDecoder> = {
  gzip: () => createGunzip(),
  "x-gzip": () => createGunzip(),
  br: () => createBrotliDecompress(),
  zstd: () => createZstdDecompress(),
  // Some servers send the raw format, against RFC 9110. zlib's own header begins with method 8.
  deflate: ([first = 0]) => ((first & 0x0f) === 8 ? createInflate() : createInflateRaw()),
};

/**
 * A decoder that is created at the first bytes: a response may name a coding and have no body, and only the first byte tells the
 * two formats of `deflate` apart.
 */
class Decoder extends Transform {
  readonly #create: CreateDecoder;
  #inner: Transform | undefined;

  constructor(create: CreateDecoder) {
    super();
    this.#create = create;
  }

  override _transform(chunk: Buffer, _encoding: unknown, done: TransformCallback): void {
    this.#inner ??= this.#begin(chunk);
    if (this.#inner.write(chunk)) done();
    else this.#inner.once("drain", () => done());
  }

  override _flush(done: TransformCallback): void {
    this.#inner?.once("end", () => done());
    this.#inner?.end();
    if (this.#inner === undefined) done();
  }

  override _read(size: number): void {
    this.#inner?.resume();
    super._read(size);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#inner?.destroy();
    done(error);
  }

  #begin(first: Uint8Array): Transform {
    const inner = this.#create(first);
    inner.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) inner.pause();
    });
    inner.on("error", (error) => this.destroy(error));
    return inner;
  }
}
