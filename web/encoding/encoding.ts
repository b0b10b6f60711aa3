/**
 * The Encoding standard: the coders of `@exodus/bytes`, with the interfaces of Web IDL.
 *
 * All of it runs in the isolate. At 400 to 800 MB a second it is faster than a call to the host up to some 100 KB, and for
 * more it keeps the host's one thread free. Only the tables of the multi-byte encodings are in the host (encoding-tables.ts).
 */
// The bundler puts this file first, before the platform's own first import.
import "../start/snapshot-gaps.ts";
import { utf8fromStringLoose, utf8toStringLoose } from "@exodus/bytes/utf8.js";
import { showFields } from "../console/inspection.ts";
import { asInterface, requireArguments, toDictionary, toDOMString } from "../webidl/webidl.ts";
import { createDecode, type Decode, encodeInto, encodingOf } from "./encoding-decoders.ts";
import { createUtf8Decode, withoutBom } from "./utf8.ts";

export interface DecoderOptions {
  fatal?: boolean;
  ignoreBOM?: boolean;
}

type Source = ArrayBuffer | SharedArrayBuffer | ArrayBufferView;

export class TextDecoder {
  readonly #encoding: string;
  readonly #isFatal: boolean;
  readonly #ignoresBom: boolean;
  /** Made for the first bytes. It keeps its state between the chunks of a stream. */
  #decode: Decode | undefined;

  constructor(label: string = "utf-8", options: DecoderOptions = {}) {
    const given = toDOMString(label, "The label");
    const encoding = given === "utf-8" || given === "utf8" ? "utf-8" : encodingOf(given);
    const { fatal, ignoreBOM } = toDictionary(options, "The options");
    if (encoding === undefined)
      throw new RangeError(`${JSON.stringify(given)} is not the label of an encoding`);
    this.#encoding = encoding;
    this.#isFatal = Boolean(fatal);
    this.#ignoresBom = Boolean(ignoreBOM);
  }

  get encoding(): string {
    return this.#encoding;
  }

  get fatal(): boolean {
    return this.#isFatal;
  }

  get ignoreBOM(): boolean {
    return this.#ignoresBom;
  }

  decode(input: Source | undefined = undefined, options: { stream?: boolean } = {}): string {
    // `this` is checked before the arguments are read.
    const fatal = this.#isFatal;
    const bytes = input === undefined ? new Uint8Array() : bytesOf(input);
    const isStream = Boolean(toDictionary(options, "The options").stream);
    const ignoresBom = this.#ignoresBom;
    this.#decode ??=
      this.#encoding === "utf-8"
        ? createUtf8Decode(fatal, ignoresBom)
        : createDecode(this.#encoding, fatal, ignoresBom);
    return this.#decode(bytes, isStream);
  }
}

export class TextEncoder {
  // A private field: reading it throws for an object that is not an encoder.
  readonly #encoding = "utf-8";

  get encoding(): string {
    return this.#encoding;
  }

  encode(input: string = ""): Uint8Array<ArrayBuffer> {
    void this.#encoding;
    return encodeUtf8(toDOMString(input, "The input"));
  }

  encodeInto(source: string, destination: Uint8Array): { read: number; written: number } {
    void this.#encoding;
    requireArguments(arguments.length, 2, "TextEncoder.encodeInto");
    return encodeInto(toDOMString(source, "The source"), destination);
  }
}

asInterface("TextDecoder", TextDecoder);
asInterface("TextEncoder", TextEncoder);
showFields(TextDecoder, "TextDecoder", ({ encoding, fatal, ignoreBOM }) => ({ encoding, fatal, ignoreBOM }));
showFields(TextEncoder, "TextEncoder", ({ encoding }) => ({ encoding }));

/** UTF-8 to text, malformed bytes as U+FFFD, a leading byte-order mark dropped (Encoding, "UTF-8 decode"). */
export function decodeUtf8(bytes: Uint8Array): string {
  return utf8toStringLoose(withoutBom(bytes));
}

export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  return utf8fromStringLoose(text) as Uint8Array<ArrayBuffer>;
}

/** The bytes of a buffer source, not copied. Throws a TypeError for any other value. */
export function bytesOf(source: unknown): Uint8Array {
  if (source instanceof Uint8Array) return source;
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  if (isBuffer(source)) {
    // A detached buffer has no bytes.
    return source instanceof ArrayBuffer && source.detached ? new Uint8Array() : new Uint8Array(source);
  }
  throw new TypeError("The input is neither a buffer nor a view on one");
}

function isBuffer(value: unknown): value is ArrayBuffer | SharedArrayBuffer {
  if (value instanceof ArrayBuffer) return true;
  return typeof SharedArrayBuffer === "function" && value instanceof SharedArrayBuffer;
}
