/** Values of bindings: how a value crosses to the host, and how it is read again. */
import { decodeUtf8, encodeUtf8 } from "../encoding/encoding.ts";
import { readAll } from "../fetch/reader-source.ts";
import { Response } from "../fetch/response.ts";
import { openInbound } from "../host/inbound.ts";
import type { ByteSource } from "../host/inbound-stream.ts";
import { cancelOutbound } from "../host/outbound.ts";
import { sendStream } from "../host/send-stream.ts";
import { ReadableStream } from "../streams/streams.ts";

/** Converts a value to a text, or to bytes of its own. Streams and blobs are read to their end; plain data becomes JSON. */
export async function wholeValue(value: unknown): Promise<string | ArrayBuffer> {
  if (typeof value === "string") return value;
  if (value instanceof ArrayBuffer) return value.slice(0);
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice().buffer;
  }
  if (value instanceof ReadableStream)
    return (new Response(value as never) as unknown as globalThis.Response).arrayBuffer();
  if (isBlobLike(value)) return value.arrayBuffer();
  return jsonOf(value);
}

/** A value on its way to the host. A long value is a stream, `[id, bytes]`, so that the host does not hold many of them. */
export type Crossing = string | ArrayBuffer | [stream: number, bytes: number];

const INLINE_BYTES = 256 * 1024;

export async function crossingValue(value: unknown): Promise<Crossing> {
  const whole = await wholeValue(value);
  const length = typeof whole === "string" ? whole.length : whole.byteLength;
  if (length <= INLINE_BYTES) return whole;
  const bytes = typeof whole === "string" ? encodeUtf8(whole) : new Uint8Array(whole);
  return [sendStream(onceSource(bytes)), bytes.byteLength];
}

/** Cancels the stream of a value whose call failed: the host may not have opened it. */
export function dropCrossing(crossing: Crossing): void {
  if (Array.isArray(crossing)) cancelOutbound(crossing[0]);
}

function onceSource(bytes: Uint8Array<ArrayBuffer>): ByteSource {
  let rest: Uint8Array<ArrayBuffer> | undefined = bytes;
  return {
    async read() {
      const all = rest;
      rest = undefined;
      return all;
    },
    cancel() {
      rest = undefined;
    },
  };
}

/** Reads bytes that the host sends whole, or as the id of a stream. */
export async function arrivedBytes(arrived: ArrayBuffer | number): Promise<ArrayBuffer> {
  return typeof arrived === "number" ? (await readAll(openInbound(arrived))).buffer : arrived;
}

export function isBlobLike(
  value: unknown,
): value is { arrayBuffer(): Promise<ArrayBuffer>; stream(): unknown } {
  return typeof value === "object" && value !== null && "arrayBuffer" in value && "stream" in value;
}

function jsonOf(value: unknown): string {
  const prototype = typeof value === "object" && value !== null ? Object.getPrototypeOf(value) : undefined;
  const isPlain =
    value === null ||
    typeof value === "number" ||
    typeof value === "boolean" ||
    Array.isArray(value) ||
    prototype === Object.prototype ||
    prototype === null;
  const text = isPlain ? JSON.stringify(value) : undefined;
  if (text === undefined) {
    throw new TypeError("A value is a string, bytes, a Blob, a stream, or plain data, which is kept as JSON");
  }
  return text;
}

/** Received bytes, in the form that the function asks for. */
export interface ReadValue {
  text(): string;
  json<T = unknown>(): T;
  bytes(): Uint8Array<ArrayBuffer>;
}

export function readValue(buffer: ArrayBuffer): ReadValue {
  return {
    text: () => decodeUtf8(new Uint8Array(buffer)),
    json: <T>() => JSON.parse(decodeUtf8(new Uint8Array(buffer))) as T,
    bytes: () => new Uint8Array(buffer),
  };
}

/** Bytes as a stream of one chunk. */
export function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    type: "bytes",
    start(controller) {
      if (bytes.byteLength > 0) controller.enqueue(bytes as Uint8Array<ArrayBuffer>);
      controller.close();
    },
  }) as ReadableStream<Uint8Array<ArrayBuffer>>;
}
