/**
 * Values of up to a message's size, both ways, of which an isolate may not fill the host's memory: thousands could be under
 * way at a time, and the isolate need not take what it asked for.
 *
 * I1  A value over `INLINE_BYTES` crosses as a stream, under credit.
 * I2  At most `MAX_LARGE` values that may be large are in the host at a time, for each instance; more wait.
 */
import { type CallContext, CallError } from "../../process/host-calls.ts";
import { createSlots } from "../slots.ts";
import { receiveFromIsolate, sendToIsolate } from "../stream-adapters.ts";

/** What crosses whole, from either side. */
const INLINE_BYTES = 256 * 1024;
const MAX_LARGE = 16;

export interface LargeValues {
  /** Reads something and hands its bytes to the isolate: whole, or as the id of a stream. `bytesOf`: undefined for none. */
  deliver<T>(
    context: CallContext,
    read: () => Promise<T>,
    bytesOf: (found: T) => Uint8Array | undefined,
  ): Promise<{ found: T; value: ArrayBuffer | number | undefined }>;
  /** Does something with bytes that the isolate handed over, whole or as a stream: user input. */
  accept<T>(
    value: unknown,
    limits: { maxBytes: number; what: string },
    context: CallContext,
    use: (bytes: Uint8Array) => Promise<T> | T,
  ): Promise<T>;
}

export function createLargeValues(): LargeValues {
  const slots = createSlots(MAX_LARGE);
  return {
    async deliver({ streams, owner, signal }, read, bytesOf) {
      const release = await slots.take(signal);
      let isSent = false;
      try {
        const found = await read();
        const bytes = bytesOf(found);
        if (bytes === undefined) return { found, value: undefined };
        // A copy: a message's bytes share their memory with its neighbours'.
        if (bytes.byteLength <= INLINE_BYTES) return { found, value: new Uint8Array(bytes).buffer };
        isSent = true;
        return { found, value: sendToIsolate(streams, owner, inPieces(bytes), release) };
      } finally {
        if (!isSent) release();
      }
    },
    async accept(value, { maxBytes, what }, { streams, owner, signal }, use) {
      const stream = streamOf(value);
      if (stream === undefined) return use(readBytes(value, Math.min(maxBytes, MAX_INLINE_BYTES), what));
      refuseOver(maxBytes, stream.size, what);
      const release = await slots.take(signal);
      try {
        return await use(await collect(receiveFromIsolate(streams, owner, stream.id), stream.size, what));
      } finally {
        release();
      }
    },
  };
}

/** Above what a text of `INLINE_BYTES` characters may have. */
const MAX_INLINE_BYTES = 3 * INLINE_BYTES;
const PIECE_BYTES = 64 * 1024;

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < bytes.byteLength; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

function streamOf(value: unknown): { id: number; size: number } | undefined {
  if (!Array.isArray(value)) return undefined;
  const [id, size] = value as unknown[];
  return typeof id === "number" && typeof size === "number" ? { id, size } : undefined;
}

async function collect(
  source: AsyncGenerator<Uint8Array, void, void> | undefined,
  size: number,
  what: string,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let received = 0;
  try {
    for await (const chunk of source ?? []) {
      received += chunk.byteLength;
      if (received > size) break;
      chunks.push(chunk);
    }
  } catch {
    throw new CallError("BindingError", `${what} broke off`);
  }
  if (received !== size) throw new CallError("TypeError", `${what} is not as long as it was said to be`);
  return Buffer.concat(chunks);
}

function readBytes(value: unknown, maxBytes: number, what: string): Uint8Array {
  const bytes =
    typeof value === "string"
      ? Buffer.from(value)
      : value instanceof ArrayBuffer
        ? new Uint8Array(value)
        : undefined;
  if (bytes === undefined) throw new CallError("TypeError", `${what} is a text or bytes`);
  refuseOver(maxBytes, bytes.byteLength, what);
  return bytes;
}

function refuseOver(maxBytes: number, size: number, what: string): void {
  if (size <= maxBytes) return;
  throw new CallError(
    "RangeError",
    `${what} has at most ${maxBytes} bytes (nats-server's max_payload); this one has ${size}`,
  );
}
