import { TextDecoder, TextEncoder } from "@exodus/bytes/encoding-lite.js";

export { TextDecoder, TextEncoder };

/** UTF-8 to text, malformed bytes as U+FFFD, a leading byte-order mark dropped (Encoding, "UTF-8 decode"). */
export function decodeUtf8(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

export function encodeUtf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
