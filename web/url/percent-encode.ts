import { encodeUtf8 } from "../encoding/encoding.ts";

/** What is written as it is in every query, whatever the `set`. */
const PLAIN = /^[!$-&(-;=?-~]*$/;

/**
 * Stands in for what `whatwg-url` takes from `@exodus/bytes` to write a query in any encoding of a document: here it is
 * always UTF-8. `set`: what is encoded besides controls and what is not ASCII; always some of ` "#<>'`.
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
