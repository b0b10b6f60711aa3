/**
 * The body of a `Request` or a `Response` (Fetch, "body"), in the form in which it arrived.
 *
 * I1  A stream is made only on demand: text and bytes keep their form, bytes from the host are read as they arrive.
 * I2  The platform remembers the content of each stream that it made. Reading or sending the body of such an unread stream
 *     takes that content, and locks the stream.
 * I3  A body is read once. After reading or sending, the body is used, and its stream is locked and disturbed.
 */

import { standIn } from "../console/inspection.ts";
import { decodeUtf8, encodeUtf8 } from "../encoding/encoding.ts";
import { type Blob, blobPieces, createBlob, isBlob, joinPieces, pieceSource } from "../file/blob.ts";
import { type ByteSource, inboundStream } from "../host/inbound-stream.ts";
import { isDisturbed, lockAndDisturb, ReadableStream, teeStream } from "../streams/streams.ts";
import { cloneChunks, ReaderSource, readAll } from "./reader-source.ts";

export type Bytes = Uint8Array<ArrayBuffer>;

/** Bytes belong to the body: no other code writes to them. */
export type Content = string | Bytes | Blob | ByteSource;

/** A body on its way to the host. */
export interface Outgoing {
  readonly content: string | Bytes | ByteSource;
  /** The number of bytes, if it is known before they are read. */
  readonly length: number | undefined;
  /** Gives the same body once more, as after a redirect. Undefined for content that can be read only once. */
  readonly again: (() => Outgoing) | undefined;
}

/** The content of the streams that the platform made (I2). */
const origins = new WeakMap<object, Content>();

export class Body {
  #content: Content | undefined;
  #stream: ReadableStream | undefined;
  #isUsed = false;

  /** Throws for a stream that is locked or disturbed. */
  constructor(content: Content | ReadableStream) {
    if (!(content instanceof ReadableStream)) {
      this.#content = content;
      return;
    }
    if (content.locked || isDisturbed(content))
      throw new TypeError("The body is a stream that is locked, or has been read from");
    this.#stream = content;
    this.#content = origins.get(content);
  }

  get stream(): ReadableStream {
    if (this.#stream !== undefined) return this.#stream;
    const content = this.#content ?? "";
    this.#stream = inboundStream(this.#isUsed ? pieceSource([]) : sourceOf(content));
    if (this.#isUsed) lockAndDisturb(this.#stream);
    else origins.set(this.#stream, content);
    return this.#stream;
  }

  /** The stream that the console shows. Showing it makes no stream (I1). */
  get shown(): object {
    const state = this.#isUsed ? "closed" : "readable";
    return this.#stream ?? standIn("ReadableStream", { locked: this.#isUsed, state, supportsBYOB: true });
  }

  get isUsed(): boolean {
    return this.#isUsed || (this.#stream !== undefined && isDisturbed(this.#stream));
  }

  /** Whether the body was used, or its stream is locked. */
  get isUnusable(): boolean {
    return this.isUsed || this.#stream?.locked === true;
  }

  /** A second body with the same bytes. This body stays readable. */
  clone(): Body {
    this.#refuseUnusable();
    const content = this.#content;
    if (typeof content === "string" || isBlob(content)) return new Body(content);
    if (content instanceof Uint8Array) return new Body(content.slice());
    const [own, other] = teeStream(this.stream);
    this.#stream = own;
    this.#content = undefined;
    return new Body(content === undefined ? cloneChunks(other) : other);
  }

  /** Moves the content to another body. */
  move(): Body {
    return new Body(this.#take());
  }

  /** Moves the content to the host. */
  send(): Outgoing {
    return toOutgoing(this.#take());
  }

  /** The whole content: bytes that belong to the caller, or the text that the body was made of. */
  read(): string | Bytes | Promise<Bytes> {
    const content = this.#readWhole();
    return isBlob(content) ? joinPieces(blobPieces(content)) : content;
  }

  async readBlob(type: string): Promise<Blob> {
    const content = await this.#readWhole();
    return createBlob(isBlob(content) ? blobPieces(content) : [toBytes(content)], type);
  }

  /** A promise for content that has to arrive only: most bodies are small, and have. */
  #readWhole(): string | Bytes | Blob | Promise<Bytes> {
    const content = this.#take();
    return isStored(content) ? content : readAll(content);
  }

  #take(): Content {
    this.#refuseUnusable();
    this.#isUsed = true;
    const content = this.#content;
    const stream = this.#stream;
    this.#content = undefined;
    if (stream === undefined) return content ?? "";
    if (content === undefined) return new ReaderSource(stream);
    lockAndDisturb(stream);
    return content;
  }

  #refuseUnusable(): void {
    if (this.isUsed) throw new TypeError("The body has already been read");
    if (this.isUnusable) throw new TypeError("The body's stream is locked by a reader");
  }
}

function isStored(content: Content): content is string | Bytes | Blob {
  return typeof content === "string" || content instanceof Uint8Array || isBlob(content);
}

function sourceOf(content: Content): ByteSource {
  if (isBlob(content)) return pieceSource(blobPieces(content));
  if (!isStored(content)) return content;
  let rest: string | Bytes | undefined = content;
  return {
    async read() {
      const bytes = rest === undefined ? undefined : toBytes(rest);
      rest = undefined;
      return bytes?.byteLength === 0 ? undefined : bytes;
    },
    cancel() {
      rest = undefined;
    },
  };
}

/** Upper bound of a blob that is sent in one piece. */
const MAX_PIECE_BYTES = 64 * 1024;

function toOutgoing(content: Content): Outgoing {
  if (!isStored(content)) return { content, length: undefined, again: undefined };
  const again = () => toOutgoing(content);
  if (typeof content === "string") return { content, length: undefined, again };
  if (content instanceof Uint8Array) return { content, length: content.byteLength, again };
  const pieces = blobPieces(content);
  const length = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
  return { content: length <= MAX_PIECE_BYTES ? joinPieces(pieces) : pieceSource(pieces), length, again };
}

/** A byte-order mark at the start is no part of the text (Encoding, "UTF-8 decode"). */
export function toText(content: string | Bytes): string {
  if (typeof content !== "string") return decodeUtf8(content);
  return content.charCodeAt(0) === 0xfeff ? content.slice(1) : content;
}

/** Bytes in a buffer of their own: a view on a larger one would show its neighbours. */
export function toBytes(content: string | Bytes): Bytes {
  const bytes = typeof content === "string" ? encodeUtf8(content) : content;
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
}
