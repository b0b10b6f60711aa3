/**
 * Values of up to the size of a message, both ways. Without a bound an isolate could fill the host's memory: it can ask for
 * thousands of values at a time, and never read them.
 *
 * I1  A value over `INLINE_BYTES` crosses as a stream, under credit.
 * I2  An instance has at most `MAX_LARGE` values in the host that may be large; fewer where a message may be longer than
 *     1 MiB. Further operations wait.
 */
import { type CallContext, CallError } from "../../process/host-calls.ts";
import { createSlots } from "../slots.ts";
import { receiveFromIsolate, sendToIsolate } from "../stream-adapters.ts";

/** Upper bound of the size of a value that crosses whole, from either side. */
const INLINE_BYTES = 256 * 1024;
/** Upper bound of the bytes of the values of an instance that may be large. Fewer slots make the reads of a busy app wait. */
const LARGE_BYTES = 64 * 1024 * 1024;
const MAX_LARGE = 64;
const LEAST_LARGE = 16;

export interface LargeValues {
  /** Reads a value and delivers its bytes to the isolate: whole, or as the id of a stream. `bytesOf`: undefined for none. */
  deliver<T>(
    context: CallContext,
    read: () => Promise<T>,
    bytesOf: (found: T) => Uint8Array | undefined,
  ): Promise<{ found: T; value: ArrayBuffer | number | undefined }>;
  /** Calls `use` with the bytes of the isolate's value, which comes whole or as a stream: user input. */
  accept<T>(
    value: unknown,
    limits: { maxBytes: number; label: string },
    context: CallContext,
    use: (bytes: Uint8Array) => Promise<T> | T,
  ): Promise<T>;
}

/** `maxPayload`: the most bytes that a value may have. */
export function createLargeValues(maxPayload: number): LargeValues {
  const count = Math.floor(LARGE_BYTES / Math.max(1, maxPayload));
  const slots = createSlots(Math.min(MAX_LARGE, Math.max(LEAST_LARGE, count)));
  return {
    async deliver(context, read, bytesOf) {
      const { streams, owner } = context;
      const release = slots.tryTake() ?? (await slots.take(context.signal));
      let isSent = false;
      try {
        const found = await read();
        const bytes = bytesOf(found);
        if (bytes === undefined) return { found, value: undefined };
        // A copy, because a message's bytes share a buffer with other messages.
        if (bytes.byteLength <= INLINE_BYTES) return { found, value: new Uint8Array(bytes).buffer };
        isSent = true;
        return { found, value: sendToIsolate(streams, owner, inPieces(bytes), release) };
      } finally {
        if (!isSent) release();
      }
    },
    async accept(value, { maxBytes, label }, context, use) {
      const { streams, owner } = context;
      const stream = streamOf(value);
      if (stream === undefined) return use(readBytes(value, Math.min(maxBytes, MAX_INLINE_BYTES), label));
      refuseOver(maxBytes, stream.size, label);
      const release = slots.tryTake() ?? (await slots.take(context.signal));
      try {
        return await use(await collect(receiveFromIsolate(streams, owner, stream.id), stream.size, label));
      } finally {
        release();
      }
    },
  };
}

/** Upper bound of the bytes of a text of `INLINE_BYTES` characters. */
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
  label: string,
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
    throw new CallError("BindingError", `${label} broke off`);
  }
  if (received !== size) throw new CallError("TypeError", `${label} does not have the announced length`);
  return Buffer.concat(chunks);
}

function readBytes(value: unknown, maxBytes: number, label: string): Uint8Array {
  const bytes =
    typeof value === "string"
      ? Buffer.from(value)
      : value instanceof ArrayBuffer
        ? new Uint8Array(value)
        : undefined;
  if (bytes === undefined) throw new CallError("TypeError", `${label} is a text or bytes`);
  refuseOver(maxBytes, bytes.byteLength, label);
  return bytes;
}

function refuseOver(maxBytes: number, size: number, label: string): void {
  if (size <= maxBytes) return;
  throw new CallError(
    "RangeError",
    `${label} has at most ${maxBytes} bytes (nats-server's max_payload); this one has ${size}`,
  );
}
