/**
 * Takes the data frames of streams (docs/wire.md, "Streams") out of the bytes of a NATS server, and leaves the rest
 * to the client library. The library puts each message together in memory of its own; a frame's bytes go on as they
 * come, from the memory that they were read into.
 *
 * I1  Every byte outside the data frames of a sink reaches the library, in order, in memory of its own.
 * I2  The data frames of a subject are shown in order. They may overtake other messages: a sender has no data frame
 *     before its first credit, and its end has a number of its own.
 * I3  Cuts between reads make no difference.
 */
import { DATA_FRAME_PREFIX } from "../../contracts/index.ts";
import { type Lease, OWNED } from "./read-buffers.ts";

/** The receiver of the data frames on one subject. */
export interface FrameSink {
  /** A frame begins. False: its bytes are not wanted. */
  beginData(seq: number): boolean;
  /** Bytes of it, in their order. */
  data(bytes: Uint8Array, lease: Lease): void;
}

export interface SplitterOptions {
  sinkOf(subject: string): FrameSink | undefined;
  /** Takes the bytes for the library. */
  pass(bytes: Uint8Array): void;
}

const LF = 10;
const CRLF_BYTES = 2;
const H = "H".charCodeAt(0);
const M = "M".charCodeAt(0);

const FRAME_HEADER = Buffer.from(`NATS/1.0\r\n${DATA_FRAME_PREFIX}`, "latin1");
/** Upper bound of a data frame's header: more digits than a number has, and the empty line. */
const MAX_FRAME_HEADER_BYTES = FRAME_HEADER.byteLength + 24;

export class FrameSplitter {
  readonly #options: SplitterOptions;
  /** The beginning of a line, or of a frame's header, whose rest has not come. */
  #begun: Buffer | undefined;
  /** Bytes that are left of a message for the library. */
  #passLeft = 0;
  /** Bytes that are left of a frame; its line end is not counted. */
  #dataLeft = 0;
  #lineEndLeft = 0;
  #sink: FrameSink | undefined;

  constructor(options: SplitterOptions) {
    this.#options = options;
  }

  feed(read: Buffer, readLease: Lease): void {
    const isWhole = this.#begun === undefined;
    const bytes = this.#begun === undefined ? read : Buffer.concat([this.#begun, read]);
    const lease = isWhole ? readLease : OWNED;
    this.#begun = undefined;
    let at = 0;
    // Bytes before this place have been handed on.
    let from = 0;
    while (at < bytes.byteLength) {
      if (this.#passLeft > 0) {
        const size = Math.min(this.#passLeft, bytes.byteLength - at);
        this.#passLeft -= size;
        at += size;
      } else if (this.#dataLeft + this.#lineEndLeft > 0) {
        at = this.#takeFrame(bytes, at, lease);
        from = at;
      } else {
        const next = this.#beginMessage(bytes, at);
        if (next === undefined) {
          this.#pass(bytes, from, at);
          this.#begun = Buffer.from(bytes.subarray(at));
          return;
        }
        if (this.#dataLeft + this.#lineEndLeft > 0) {
          this.#pass(bytes, from, at);
          from = next;
        }
        at = next;
      }
    }
    this.#pass(bytes, from, at);
  }

  #pass(bytes: Buffer, from: number, to: number): void {
    if (to > from) this.#options.pass(Buffer.from(bytes.subarray(from, to)));
  }

  #takeFrame(bytes: Buffer, at: number, lease: Lease): number {
    const size = Math.min(this.#dataLeft, bytes.byteLength - at);
    this.#dataLeft -= size;
    if (size > 0) this.#sink?.data(bytes.subarray(at, at + size), lease);
    if (this.#dataLeft > 0) return at + size;
    const lineEnd = Math.min(this.#lineEndLeft, bytes.byteLength - at - size);
    this.#lineEndLeft -= lineEnd;
    return at + size + lineEnd;
  }

  /** Reads a line at its beginning; returns the start of its content, undefined where the line is not complete. */
  #beginMessage(bytes: Buffer, at: number): number | undefined {
    const lineEnd = bytes.indexOf(LF, at);
    if (lineEnd === -1) return undefined;
    const next = lineEnd + 1;
    const isHeaded = bytes[at] === H && bytes[at + 1] === M;
    if (!isHeaded && bytes[at] !== M) return next;
    // MSG subject sid [reply] size; HMSG subject sid [reply] header-size size
    const words = bytes.toString("latin1", at, lineEnd - 1).split(" ");
    const size = Number(words[words.length - 1]);
    const headerSize = isHeaded ? Number(words[words.length - 2]) : 0;
    const isCandidate = headerSize > FRAME_HEADER.byteLength && headerSize <= MAX_FRAME_HEADER_BYTES;
    if (isCandidate && bytes.byteLength - next < headerSize) return undefined;
    const seq = isCandidate ? seqOf(bytes, next, next + headerSize) : undefined;
    const sink = seq === undefined ? undefined : this.#options.sinkOf(words[1] ?? "");
    if (seq === undefined || sink === undefined) {
      this.#passLeft = size + CRLF_BYTES;
      return next;
    }
    this.#sink = sink.beginData(seq) ? sink : undefined;
    this.#dataLeft = size - headerSize;
    this.#lineEndLeft = CRLF_BYTES;
    return next + headerSize;
  }
}

/** The number of a data frame; undefined where a header block is anything else. */
function seqOf(bytes: Buffer, from: number, to: number): number | undefined {
  const digitsFrom = from + FRAME_HEADER.byteLength;
  if (bytes.compare(FRAME_HEADER, 0, FRAME_HEADER.byteLength, from, digitsFrom) !== 0) return undefined;
  const rest = bytes.toString("latin1", digitsFrom, to);
  return /^\d{1,15}\r\n\r\n$/.test(rest) ? Number.parseInt(rest, 10) : undefined;
}
