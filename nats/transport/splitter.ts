/**
 * Reads the bytes of a NATS server. Messages of subscriptions that have a taker go to it, and data frames of streams
 * (docs/wire.md, "Streams") to their sink. The rest goes to the client library, which makes several objects of each
 * message, and keeps all that was read with it.
 *
 * I1  Every byte outside the messages of takers reaches the library, in order, in memory of its own.
 * I2  Messages and data frames are shown in the order in which the server sent them, each during the call that brings
 *     its last byte. The library has its bytes after that call: when it takes the server's PONG, all messages before
 *     it have been shown.
 * I3  Cuts between reads make no difference.
 */
import { DATA_FRAME_PREFIX } from "../../contracts/index.ts";
import { MessageLine } from "./message-line.ts";
import { type Lease, OWNED } from "./read-buffers.ts";

/** The receiver of the data frames on one subject. */
export interface FrameSink {
  /** A frame begins. False: its bytes are not wanted. */
  beginData(seq: number): boolean;
  /** Bytes of it, in their order. */
  data(bytes: Uint8Array, lease: Lease): void;
}

/**
 * Takes a message of a subscription. It does not throw. `head`: the message's line and header block, a character a byte.
 * `line`: the places in `head`; it is valid during the call. `data`: memory of the message's own.
 */
export type Taker = (head: string, line: MessageLine, data: Uint8Array) => void;

export interface SplitterOptions {
  /** The taker of a subscription's messages, by the number that the library gave it. */
  takerOf(sid: number): Taker | undefined;
  sinkOf(subject: string): FrameSink | undefined;
  /** Takes the bytes for the library. */
  pass(bytes: Uint8Array): void;
}

/** A message whose payload has come in part. */
interface Begun {
  taker: Taker;
  head: string;
  line: MessageLine;
  data: Buffer;
  filled: number;
}

const LF = 10;
const CRLF_BYTES = 2;
const H = "H".charCodeAt(0);
const M = "M".charCodeAt(0);
const NOTHING = new Uint8Array();

const FRAME_HEADER = Buffer.from(`NATS/1.0\r\n${DATA_FRAME_PREFIX}`, "latin1");
/** Upper bound of a data frame's header: more digits than a number has, and the empty line. */
const MAX_FRAME_HEADER_BYTES = FRAME_HEADER.byteLength + 24;
/** Upper bound of a payload that is copied byte by byte: a call of the engine costs more. */
const MAX_LOOPED_BYTES = 48;

export class Splitter {
  readonly #options: SplitterOptions;
  readonly #line = new MessageLine();
  /** The beginning of a line, or of a header block, whose rest has not come. */
  #rest: Buffer | undefined;
  #begun: Begun | undefined;
  /** Bytes that are left of a message for the library. */
  #passLeft = 0;
  /** Bytes that are left of a frame. */
  #dataLeft = 0;
  /** Bytes that are left of the line end behind a frame or a taken message. */
  #lineEndLeft = 0;
  #sink: FrameSink | undefined;

  constructor(options: SplitterOptions) {
    this.#options = options;
  }

  feed(read: Buffer, readLease: Lease): void {
    const isWhole = this.#rest === undefined;
    const bytes = this.#rest === undefined ? read : Buffer.concat([this.#rest, read]);
    const lease = isWhole ? readLease : OWNED;
    this.#rest = undefined;
    let at = 0;
    // Bytes before this place have been handed on.
    let from = 0;
    while (at < bytes.byteLength) {
      if (this.#passLeft > 0) {
        const size = Math.min(this.#passLeft, bytes.byteLength - at);
        this.#passLeft -= size;
        at += size;
      } else if (this.#begun !== undefined || this.#dataLeft + this.#lineEndLeft > 0) {
        at = this.#goOn(bytes, at, lease);
        from = at;
      } else {
        const next = this.#beginMessage(bytes, at);
        if (next === undefined) {
          this.#pass(bytes, from, at);
          this.#rest = Buffer.from(bytes.subarray(at));
          return;
        }
        if (this.#begun !== undefined || this.#lineEndLeft > 0) {
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

  /** Goes on with a message or frame that has begun, and its line end; returns the place behind. */
  #goOn(bytes: Buffer, at: number, lease: Lease): number {
    let next = at;
    if (this.#begun !== undefined) next = this.#fill(this.#begun, bytes, at);
    else if (this.#dataLeft > 0) {
      next = at + Math.min(this.#dataLeft, bytes.byteLength - at);
      this.#dataLeft -= next - at;
      this.#sink?.data(bytes.subarray(at, next), lease);
    }
    if (this.#begun !== undefined || this.#dataLeft > 0) return next;
    const lineEnd = Math.min(this.#lineEndLeft, bytes.byteLength - next);
    this.#lineEndLeft -= lineEnd;
    return next + lineEnd;
  }

  #fill(begun: Begun, bytes: Buffer, at: number): number {
    const { taker, head, line, data } = begun;
    const next = at + Math.min(data.byteLength - begun.filled, bytes.byteLength - at);
    bytes.copy(data, begun.filled, at, next);
    begun.filled += next - at;
    if (begun.filled === data.byteLength) {
      this.#begun = undefined;
      taker(head, line, data);
    }
    return next;
  }

  /** Reads a line at its beginning; returns the start of its content, undefined where the line is not complete. */
  #beginMessage(bytes: Buffer, at: number): number | undefined {
    const isHeaded = bytes[at] === H && bytes[at + 1] === M;
    if (!isHeaded && bytes[at] !== M) {
      const lineEnd = bytes.indexOf(LF, at);
      return lineEnd === -1 ? undefined : lineEnd + 1;
    }
    const line = this.#line;
    const next = line.read(bytes, at, isHeaded);
    if (next === -1) return undefined;
    const { headerSize, size } = line;
    const taker = this.#options.takerOf(line.sid);
    const isCandidate = headerSize > FRAME_HEADER.byteLength && headerSize <= MAX_FRAME_HEADER_BYTES;
    const needed = taker !== undefined || isCandidate ? headerSize : 0;
    if (bytes.byteLength - next < needed) return undefined;
    if (isCandidate && this.#beginsFrame(bytes, at, next)) {
      this.#dataLeft = size - headerSize;
      this.#lineEndLeft = CRLF_BYTES;
      return next + headerSize;
    }
    if (taker !== undefined) return this.#take(taker, bytes, at, next);
    this.#passLeft = size + CRLF_BYTES;
    return next;
  }

  /** Whether the message at `at`, with its header block at `block`, is a data frame of a known stream. */
  #beginsFrame(bytes: Buffer, at: number, block: number): boolean {
    const { headerSize, subjectFrom, subjectTo } = this.#line;
    const seq = seqOf(bytes, block, block + headerSize);
    if (seq === undefined) return false;
    const sink = this.#options.sinkOf(bytes.toString("latin1", at + subjectFrom, at + subjectTo));
    if (sink === undefined) return false;
    this.#sink = sink.beginData(seq) ? sink : undefined;
    return true;
  }

  #take(taker: Taker, bytes: Buffer, at: number, block: number): number {
    const { headerSize, size } = this.#line;
    const from = block + headerSize;
    const to = block + size;
    const head = bytes.toString("latin1", at, from);
    this.#lineEndLeft = CRLF_BYTES;
    if (to <= bytes.byteLength) {
      taker(head, this.#line, copyOf(bytes, from, to));
      return to;
    }
    const data = Buffer.allocUnsafe(to - from);
    this.#begun = { taker, head, line: this.#line.copy(), data, filled: 0 };
    return from;
  }
}

function copyOf(bytes: Buffer, from: number, to: number): Uint8Array {
  const size = to - from;
  if (size === 0) return NOTHING;
  const copy = Buffer.allocUnsafe(size);
  if (size > MAX_LOOPED_BYTES) bytes.copy(copy, 0, from, to);
  else for (let at = 0; at < size; at++) copy[at] = bytes[from + at] ?? 0;
  return copy;
}

/** The number of a data frame; undefined where a header block is anything else. */
function seqOf(bytes: Buffer, from: number, to: number): number | undefined {
  const digitsFrom = from + FRAME_HEADER.byteLength;
  if (bytes.compare(FRAME_HEADER, 0, FRAME_HEADER.byteLength, from, digitsFrom) !== 0) return undefined;
  const rest = bytes.toString("latin1", digitsFrom, to);
  return /^\d{1,15}\r\n\r\n$/.test(rest) ? Number.parseInt(rest, 10) : undefined;
}
