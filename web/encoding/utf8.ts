/** UTF-8 that arrives in pieces. Most functions use it. The decoders of other encodings are created on demand. */
import { utf8toString, utf8toStringLoose } from "@exodus/bytes/utf8.js";
import type { Decode } from "./encoding-decoders.ts";

export function createUtf8Decode(fatal: boolean, ignoreBOM: boolean): Decode {
  const toText = fatal ? utf8toString : utf8toStringLoose;
  /** The bytes of an incomplete character at the end. */
  let begun = new Uint8Array();
  let isAtStart = true;
  return (bytes, isStream) => {
    const joined = begun.byteLength === 0 ? bytes : join(begun, bytes);
    // A buffer that was transferred stays empty.
    if (joined.byteLength === 0) {
      isAtStart ||= !isStream;
      return "";
    }
    const open = isStream ? openBytes(joined) : 0;
    const whole = joined.subarray(0, joined.byteLength - open);
    begun = new Uint8Array();
    const text = toText(isAtStart && !ignoreBOM ? withoutBom(whole) : whole);
    begun = joined.slice(whole.byteLength);
    isAtStart = isStream ? isAtStart && whole.byteLength === 0 : true;
    return text;
  };
}

export function withoutBom(bytes: Uint8Array): Uint8Array {
  const hasBom = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return hasBom ? bytes.subarray(3) : bytes;
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  const joined = new Uint8Array(first.byteLength + second.byteLength);
  joined.set(first);
  joined.set(second, first.byteLength);
  return joined;
}

/** How many bytes at the end begin a character that is valid so far. */
function openBytes(bytes: Uint8Array): number {
  const end = bytes.byteLength;
  for (let count = 1; count <= 3 && count <= end; count++) {
    const lead = bytes[end - count] ?? 0;
    const isContinuation = (lead & 0xc0) === 0x80;
    if (!isContinuation) return count < lengthBy(lead, bytes[end - count + 1]) ? count : 0;
  }
  return 0;
}

/** The length of a character by its first byte. 0 if no character begins with these two bytes. */
function lengthBy(lead: number, second: number | undefined): number {
  if (second !== undefined && (second < (LOWEST[lead] ?? 0x80) || second > (HIGHEST[lead] ?? 0xbf))) return 0;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/** The bounds of second bytes other than 80 to BF. They exclude overlong forms, surrogates and code points over U+10FFFF. */
const LOWEST: Readonly<Record<number, number>> = { 224: 0xa0, 240: 0x90 };
const HIGHEST: Readonly<Record<number, number>> = { 237: 0x9f, 244: 0x8f };
