/**
 * The decoders of `@exodus/bytes` for all encodings but UTF-8, and the labels of the encodings. They are created at the
 * first use (lazy-modules.ts): they are large, and it takes 1 ms.
 */
import { normalizeEncoding, TextDecoder, TextEncoder } from "@exodus/bytes/encoding-lite.js";
import { createMultibyteDecoder } from "@exodus/bytes/multi-byte.js";

export type Decode = (bytes: Uint8Array, isStream: boolean) => string;

const MULTI_BYTE = new Set<string>([
  "big5",
  "euc-jp",
  "euc-kr",
  "gb18030",
  "gbk",
  "iso-2022-jp",
  "shift_jis",
]);

const encoder = new TextEncoder();

/** The name of the encoding with this label. */
export function encodingOf(label: string): string | undefined {
  const encoding = normalizeEncoding(label);
  return encoding === null || encoding === "replacement" ? undefined : encoding;
}

/** The decoder keeps its state between the chunks of a stream. */
export function createDecode(encoding: string, fatal: boolean, ignoreBOM: boolean): Decode {
  if (MULTI_BYTE.has(encoding)) return createMultibyteDecoder(encoding as never, !fatal);
  const decoder = new TextDecoder(encoding, { fatal, ignoreBOM });
  return (bytes, stream) => decoder.decode(bytes, { stream });
}

export function encodeInto(text: string, destination: Uint8Array): { read: number; written: number } {
  return encoder.encodeInto(text, destination);
}
