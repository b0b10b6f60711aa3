/**
 * The messages between narun and the process that speaks QUIC for it, over that process's standard input and output. Both sides
 * import this file, and Deno runs it: it imports nothing.
 *
 * Layout: u32 length of the rest, u8 kind, u32 id, payload; big-endian. Control messages have a payload of JSON.
 *
 * I1  An id names one thing for as long as the process lives: an endpoint, a connection or a stream. narun's are odd, the
 *     process's are even.
 * I2  A side sends no more bytes of a stream than the other has granted (`credit`), so that what waits in the pipe is bounded.
 *     The process begins with a window for each stream. narun waits for the first grant, which says that the stream is there.
 */

export const kinds = {
  /** narun: opens an endpoint; `ListenOrder`. */
  listen: 1,
  /** narun: opens a connection; `ConnectOrder`. */
  connect: 2,
  /** Both: a new stream; `StreamFacts`. */
  open: 3,
  /** Both: bytes of a stream. */
  data: 4,
  /** Both: the sender's side of a stream is complete. */
  end: 5,
  /** Both: the sender's side of a stream breaks off, or what comes is not wanted; `StreamFault`. */
  reset: 6,
  /** Both: the receiver's side is not read any more. */
  stop: 7,
  /** Both: u32 more bytes of a stream may come. */
  credit: 8,
  /** narun: closes an endpoint or a connection; `CloseFacts`. */
  close: 9,
  /** Process: an endpoint listens, or a connection is open; `Address`. */
  ready: 10,
  /** Process: an endpoint or a connection could not be opened; `Failure`. */
  failed: 11,
  /** Process: a client connected; `AcceptedFacts`. */
  accepted: 12,
  /** Process: a connection is over; `CloseFacts`. */
  closed: 13,
} as const;
export type Kind = (typeof kinds)[keyof typeof kinds];

export interface PipeMessage {
  kind: Kind;
  id: number;
  payload: Uint8Array;
}

interface Transport {
  /** Milliseconds. */
  keepAliveMs: number;
  /** Milliseconds without a packet after which a connection is over. */
  idleMs: number;
  /** Streams that the other side may have open. */
  maxStreams: number;
}

export interface ListenOrder extends Transport {
  host: string;
  port: number;
  /** PEM. */
  cert: string;
  key: string;
}

export interface ConnectOrder extends Transport {
  host: string;
  port: number;
  serverName: string;
  /** PEM. Absent: the public roots. */
  ca?: string;
  /** SHA-256 of the server's certificate, hex. */
  fingerprint?: string;
}

export interface StreamFacts {
  connection: number;
}

export interface AcceptedFacts {
  endpoint: number;
  host: string;
  port: number;
}

export interface Address {
  host: string;
  port: number;
}

export interface CloseFacts {
  code: number;
  reason: string;
}

export interface Failure {
  message: string;
}

const HEAD_BYTES = 9;
/** Upper bound of a message: a chunk of a stream, or the JSON of an order with its certificates. */
const MAX_MESSAGE_BYTES = 256 * 1024;
/** Bytes of a stream that may wait at its receiver. */
export const WINDOW_BYTES = 1024 * 1024;

export function encodeMessage({ kind, id, payload }: PipeMessage): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + payload.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, HEAD_BYTES - 4 + payload.byteLength);
  view.setUint8(4, kind);
  view.setUint32(5, id);
  bytes.set(payload, HEAD_BYTES);
  return bytes;
}

/** Splits what comes through the pipe. Throws at a length that no message has: the pipe cannot be read on. */
export class MessageSplitter {
  #rest = new Uint8Array(0);

  *push(bytes: Uint8Array): Generator<PipeMessage> {
    const whole = new Uint8Array(this.#rest.byteLength + bytes.byteLength);
    whole.set(this.#rest);
    whole.set(bytes, this.#rest.byteLength);
    let at = 0;
    while (whole.byteLength - at >= 4) {
      const view = new DataView(whole.buffer, at);
      const length = view.getUint32(0);
      if (length < HEAD_BYTES - 4 || length > MAX_MESSAGE_BYTES)
        throw new RangeError(`a message of ${length} bytes in the pipe`);
      if (whole.byteLength - at < 4 + length) break;
      const kind = view.getUint8(4) as Kind;
      yield { kind, id: view.getUint32(5), payload: whole.slice(at + HEAD_BYTES, at + 4 + length) };
      at += 4 + length;
    }
    this.#rest = whole.slice(at);
  }
}

export function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

export function decodeJson(payload: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(payload));
}

export function encodeCredit(bytes: number): Uint8Array {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint32(0, bytes);
  return payload;
}

export function decodeCredit(payload: Uint8Array): number {
  return new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getUint32(0);
}

/** Parts of bytes that fit into messages. */
export function* piecesOf(bytes: Uint8Array): Generator<Uint8Array> {
  const most = MAX_MESSAGE_BYTES - HEAD_BYTES;
  for (let at = 0; at < bytes.byteLength; at += most) yield bytes.subarray(at, at + most);
}
