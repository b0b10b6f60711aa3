// biome-ignore-all lint/complexity/noArguments: a rest parameter would change the constructor's length
/**
 * `Blob` of the File API.
 *
 * I1  The pieces of a blob are never written to. The caller's bytes are copied once, when the blob is made. A slice, and a
 *     blob made of blobs, share the pieces of their sources.
 * I2  Bytes that leave a blob are copies.
 */

import { showFields } from "../console/inspection.ts";
import { decodeUtf8, encodeUtf8 } from "../encoding/encoding.ts";
import { type ByteSource, inboundStream } from "../host/inbound-stream.ts";
import type { ReadableStream } from "../streams/streams.ts";
import { copyOfFixedBytes, isBufferSource } from "../webidl/buffer-source.ts";
import { asInterface, conversions, toDictionary, toDOMString, toEnum, toSequence } from "../webidl/webidl.ts";
import { textStreamOf } from "./text-stream.ts";

export type Piece = Uint8Array<ArrayBuffer>;
export type BlobPart = string | ArrayBuffer | ArrayBufferView | Blob;

/** How many bytes a chunk of a blob's stream has. */
const CHUNK_BYTES = 64 * 1024;

// The platform's own access to a blob, bound inside the class, out of user code's reach.

export let isBlob: (value: unknown) => value is Blob;
/** The pieces of a blob in order. They must not be written to. */
export let blobPieces: (blob: Blob) => readonly Piece[];
/** A blob of pieces that no other code writes to. */
export let createBlob: (pieces: readonly Piece[], type: string) => Blob;
/** Sets the pieces of `blob`, for an object that a subclass's constructor made. */
export let fillBlob: (blob: Blob, pieces: readonly Piece[], type: string) => void;

export class Blob {
  #pieces: readonly Piece[] = [];
  #size = 0;
  #type = "";

  constructor(blobParts: Iterable<BlobPart> | undefined = undefined, options: BlobPropertyBag = {}) {
    if (blobParts === undefined && arguments.length < 2) return;
    const parts = blobParts === undefined ? [] : convertParts(blobParts);
    const bag = toDictionary(options, "Blob: the options");
    const endings = bag.endings === undefined ? "transparent" : toEnum(bag.endings, ENDINGS, "Blob: endings");
    const type = bag.type === undefined ? "" : toDOMString(bag.type, "Blob: type");
    fillBlob(this, joinParts(parts, endings), type);
  }

  get size(): number {
    return this.#size;
  }

  get type(): string {
    return this.#type;
  }

  slice(start: number = 0, end: number | undefined = undefined, contentType: string = ""): Blob {
    const size = this.#size;
    const from = clampIndex(start, size);
    const to = end === undefined ? size : clampIndex(end, size);
    const type = toDOMString(contentType, "Blob.slice: contentType");
    const pieces: Piece[] = [];
    let at = 0;
    for (const piece of this.#pieces) {
      const [first, last] = [Math.max(from - at, 0), Math.min(to - at, piece.byteLength)];
      if (first < last) pieces.push(piece.subarray(first, last));
      at += piece.byteLength;
    }
    return createBlob(pieces, type);
  }

  stream(): ReadableStream<Uint8Array> {
    return inboundStream(pieceSource(this.#pieces));
  }

  async text(): Promise<string> {
    const [only, ...others] = this.#pieces;
    return only === undefined ? "" : decodeUtf8(others.length === 0 ? only : joinPieces(this.#pieces));
  }

  textStream(): ReadableStream<string> {
    return textStreamOf(inboundStream(pieceSource(this.#pieces)));
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return joinPieces(this.#pieces).buffer;
  }

  async bytes(): Promise<Uint8Array> {
    return joinPieces(this.#pieces);
  }

  static {
    isBlob = (value): value is Blob => typeof value === "object" && value !== null && #pieces in value;
    blobPieces = (blob) => blob.#pieces;
    createBlob = (pieces, type) => {
      const blob = new Blob();
      fillBlob(blob, pieces, type);
      return blob;
    };
    fillBlob = (blob, pieces, type) => {
      blob.#pieces = pieces.filter(({ byteLength }) => byteLength > 0);
      blob.#size = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
      blob.#type = normalType(type);
    };
  }
}

asInterface("Blob", Blob);
showFields(Blob, "Blob", ({ size, type }) => ({ size, type }));

interface BlobPropertyBag {
  endings?: "transparent" | "native";
  type?: string;
}

const ENDINGS = ["transparent", "native"] as const;

/** The type of a blob in normal form: lower case, or empty if it has characters that a header would not carry. */
function normalType(type: string): string {
  return /^[\x20-\x7e]*$/.test(type) ? type.toLowerCase() : "";
}

/** All pieces in one array of their own. */
export function joinPieces(pieces: readonly Uint8Array[]): Piece {
  const all = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.byteLength;
  }
  return all;
}

/** Copies of the pieces, in chunks: a reader of a stream may transfer the buffers of its chunks. */
export function pieceSource(pieces: readonly Piece[]): ByteSource {
  let rest = pieces;
  let index = 0;
  let at = 0;
  return {
    async read() {
      const piece = rest[index];
      if (piece === undefined) return undefined;
      const chunk = piece.slice(at, at + CHUNK_BYTES);
      at += chunk.byteLength;
      if (at === piece.byteLength) {
        index += 1;
        at = 0;
      }
      return chunk;
    },
    cancel() {
      rest = [];
    },
  };
}

/** A string, a copy of bytes, or the pieces of a blob. */
type ConvertedPart = string | Piece | readonly Piece[];

function convertParts(blobParts: unknown): ConvertedPart[] {
  const parts: ConvertedPart[] = [];
  for (const part of toSequence(blobParts, "Blob: the parts")) {
    if (isBlob(part)) parts.push(blobPieces(part));
    else if (isBufferSource(part)) parts.push(copyOfFixedBytes(part, "Blob: a part"));
    else parts.push(toDOMString(part, "Blob: a part").toWellFormed());
  }
  return parts;
}

function joinParts(parts: readonly ConvertedPart[], endings: "transparent" | "native"): Piece[] {
  const pieces: Piece[] = [];
  let text = "";
  const flush = () => {
    if (text !== "") pieces.push(encodeUtf8(text) as Piece);
    text = "";
  };
  for (const part of parts) {
    // Adjacent strings become one piece: a blob may be made of thousands of lines.
    if (typeof part === "string") text += endings === "native" ? part.replace(/\r\n?/g, "\n") : part;
    else {
      flush();
      if (part instanceof Uint8Array) pieces.push(part);
      else for (const piece of part) pieces.push(piece);
    }
  }
  flush();
  return pieces;
}

function clampIndex(value: unknown, size: number): number {
  const index = conversions["long long"](value, { clamp: true });
  return index < 0 ? Math.max(size + index, 0) : Math.min(index, size);
}
