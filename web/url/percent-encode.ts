import { encodeUtf8 } from "../encoding/encoding.ts";

/** The characters that are never encoded in a query, for any `set`. */
const PLAIN = /^[!$-&(-;=?-~]*$/;

/**
 * Replaces the function of `@exodus/bytes` by which `whatwg-url` encodes a query in a document's encoding: here the encoding
 * is always UTF-8. `set`: the characters to encode, some of ` "#<>'`. Controls and other characters than ASCII are always
 * encoded.
 */
export function percentEncodeAfterEncoding(_encoding: string, text: string, set: string): string {
  if (PLAIN.test(text)) return text;
  let encoded = "";
  for (const byte of encodeUtf8(text)) {
    const character = String.fromCharCode(byte);
    const isPlain = byte >= 0x20 && byte <= 0x7e && !set.includes(character);
    encoded += isPlain ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}
