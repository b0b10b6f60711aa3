/**
 * Writes the frames of one turn of the event loop one behind the other, so that they leave in one write.
 *
 * I1  Frames leave in the order in which they were written.
 * I2  A payload of `REFERENCE_BYTES` or more is not copied: it must stay as it is until it has left. Others are copied.
 * I3  Bytes that were taken and have not left are not written over.
 * I4  A frame that throws leaves nothing behind: it counts when it is closed.
 */
import {
  FRAME_HEADER_BYTES,
  MAX_SOCKET_BODY_BYTES,
  MAX_SOCKET_HEAD_BYTES,
  REQUEST_PREFIX_BYTES,
  RESPONSE_PREFIX_BYTES,
  type SocketFrameType,
  socketFrames,
} from "./socket-frames.ts";
import { MAX_FRAME_BYTES } from "./stream.ts";

/** A body: bytes, or a text that leaves in UTF-8. */
export type FrameBody = Uint8Array | string | undefined;

/** Bytes from which a payload costs less as a piece of its own than as a copy. */
const REFERENCE_BYTES = 16 * 1024;
const SLAB_BYTES = 64 * 1024;
/** Upper bound of the bytes of one UTF-16 unit in UTF-8. */
const MAX_UNIT_BYTES = 3;
const TWO_POW_32 = 0x1_0000_0000;
const NO_BYTE = /[^\0-\xff]/;

export class FrameBatch {
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  /** Where the piece in the making begins. */
  #from = 0;
  #at = 0;
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;
  #takenBytes = 0;

  /** Bytes that wait to be taken. */
  get waitingBytes(): number {
    return this.#pieceBytes + this.#at - this.#from;
  }

  /** Bytes that were taken and have not left yet. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  hello(text: string): void {
    const start = this.#open(Buffer.byteLength(text));
    this.#close(start + this.#slab.write(text, start), start, socketFrames.hello, 0, 0);
  }

  /** `head`: see `formatRequestHead`. Throws where the head has a character that is no byte, or a part is too large. */
  request(
    number: number,
    instance: number,
    flags: number,
    hops: number,
    timeoutMs: number,
    head: string,
    body: FrameBody,
  ): void {
    checkText(head);
    const start = this.#open(REQUEST_PREFIX_BYTES + head.length + roomFor(body));
    const slab = this.#slab;
    let at = slab.writeUInt32LE(instance, start);
    at = slab.writeUInt8(flags, at);
    at = slab.writeUInt8(hops, at);
    at = slab.writeUInt32LE(timeoutMs, at);
    at = slab.writeUInt32LE(head.length, at);
    at += slab.write(head, at, "latin1");
    this.#closeWith(at, start, socketFrames.request, number, body);
  }

  /** Throws where the block has a character that is no byte, or a part is too large. */
  response(number: number, status: number, block: string, body: FrameBody): void {
    this.#answer(socketFrames.response, number, status, block, body);
  }

  /** The head of a streamed response. Errors: as `response`. */
  head(number: number, status: number, block: string): void {
    this.#answer(socketFrames.head, number, status, block, undefined);
  }

  error(number: number, code: string, limit: number | undefined): void {
    const start = this.#open(9 + code.length);
    const slab = this.#slab;
    let at = slab.writeUInt8(code.length, start);
    at = slab.writeDoubleLE(limit ?? Number.NaN, at + slab.write(code, at, "latin1"));
    this.#close(at, start, socketFrames.error, number, 0);
  }

  /** `text`: see `formatFrame`. `trailers`: a block, or empty. Errors: as `response`. */
  stream(number: number, text: string, trailers: string, payload: FrameBody): void {
    if (trailers !== "") checkText(trailers);
    const start = this.#open(5 + text.length + trailers.length + roomFor(payload, MAX_FRAME_BYTES));
    const slab = this.#slab;
    let at = slab.writeUInt8(text.length, start);
    at += slab.write(text, at, "latin1");
    at = slab.writeUInt32LE(trailers.length, at);
    if (trailers !== "") at += slab.write(trailers, at, "latin1");
    this.#closeWith(at, start, socketFrames.stream, number, payload);
  }

  ping(number: number): void {
    const start = this.#open(0);
    this.#close(start, start, socketFrames.ping, number, 0);
  }

  leave(): void {
    const start = this.#open(0);
    this.#close(start, start, socketFrames.leave, 0, 0);
  }

  /** Takes all pieces for one write. Call `left` with their size when they have left. */
  take(): Uint8Array[] {
    this.#cut();
    const pieces = this.#pieces;
    this.#takenBytes += this.#pieceBytes;
    this.#pieces = [];
    this.#pieceBytes = 0;
    return pieces;
  }

  left(bytes: number): void {
    this.#takenBytes -= bytes;
  }

  #answer(type: SocketFrameType, number: number, status: number, block: string, body: FrameBody): void {
    checkText(block);
    const start = this.#open(RESPONSE_PREFIX_BYTES + block.length + roomFor(body));
    const slab = this.#slab;
    let at = slab.writeUInt16LE(status, start);
    at = slab.writeUInt32LE(block.length, at);
    at += slab.write(block, at, "latin1");
    this.#closeWith(at, start, type, number, body);
  }

  /** Makes room for a frame; returns where its content starts. */
  #open(contentBytes: number): number {
    if (this.#takenBytes === 0 && this.#pieces.length === 0 && this.#from === this.#at)
      this.#from = this.#at = 0;
    const bytes = FRAME_HEADER_BYTES + contentBytes;
    if (this.#slab.length - this.#at < bytes) {
      this.#cut();
      this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes));
      this.#from = this.#at = 0;
    }
    return this.#at + FRAME_HEADER_BYTES;
  }

  /** Closes a frame by its body. `at`: the end of its content so far. */
  #closeWith(at: number, start: number, type: SocketFrameType, number: number, body: FrameBody): void {
    if (body === undefined) this.#close(at, start, type, number, 0);
    else if (typeof body === "string") this.#close(at + this.#slab.write(body, at), start, type, number, 0);
    else if (body.byteLength < REFERENCE_BYTES) {
      this.#slab.set(body, at);
      this.#close(at + body.byteLength, start, type, number, 0);
    } else {
      this.#close(at, start, type, number, body.byteLength);
      this.#cut();
      this.#pieces.push(body);
      this.#pieceBytes += body.byteLength;
    }
  }

  /** Writes the header of a frame whose content is in the slab from `start` to `end`. */
  #close(end: number, start: number, type: SocketFrameType, number: number, referredBytes: number): void {
    const slab = this.#slab;
    const low = number >>> 0;
    const at = start - FRAME_HEADER_BYTES;
    slab.writeUInt32LE(end - at - 4 + referredBytes, at);
    slab.writeUInt8(type, at + 4);
    slab.writeUInt32LE(low, at + 5);
    slab.writeUInt16LE((number - low) / TWO_POW_32, at + 9);
    this.#at = end;
  }

  /** Ends the piece in the making. */
  #cut(): void {
    if (this.#at === this.#from) return;
    this.#pieces.push(this.#slab.subarray(this.#from, this.#at));
    this.#pieceBytes += this.#at - this.#from;
    this.#from = this.#at;
  }
}

/** Bytes that a body may take in the slab. */
function roomFor(body: FrameBody, mostBytes = MAX_SOCKET_BODY_BYTES): number {
  if (body === undefined) return 0;
  if (typeof body !== "string") {
    checkBody(body.byteLength, mostBytes);
    return body.byteLength < REFERENCE_BYTES ? body.byteLength : 0;
  }
  if (body.length * MAX_UNIT_BYTES < REFERENCE_BYTES) return body.length * MAX_UNIT_BYTES;
  const bytes = Buffer.byteLength(body);
  checkBody(bytes, mostBytes);
  return bytes;
}

function checkBody(bytes: number, mostBytes: number): void {
  if (bytes > mostBytes) throw new RangeError(`a body of ${bytes} bytes fits into no frame`);
}

function checkText(text: string): void {
  if (text.length > MAX_SOCKET_HEAD_BYTES)
    throw new RangeError(`a head of ${text.length} bytes fits into no frame`);
  if (NO_BYTE.test(text)) throw new TypeError("a head has a character that is no byte");
}
