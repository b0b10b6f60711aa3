/** UTF-8 that comes in pieces. Other encodings have decoders that are made when they are needed; this one everybody uses. */
import { utf8toString, utf8toStringLoose } from "@exodus/bytes/utf8.js";
import type { Decode } from "./encoding-decoders.ts";

export function createUtf8Decode(fatal: boolean, ignoreBOM: boolean): Decode {
  const toText = fatal ? utf8toString : utf8toStringLoose;
  /** The start of a character whose end is still to come. */
  let begun = new Uint8Array();
  let isAtStart = true;
  return (bytes, isStream) => {
    const joined = begun.byteLength === 0 ? bytes : join(begun, bytes);
    // Nothing is made of a buffer that was transferred.
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

/** How many bytes at the end are the start of a character, and no mistake so far. */
function openBytes(bytes: Uint8Array): number {
  const end = bytes.byteLength;
  for (let count = 1; count <= 3 && count <= end; count++) {
    const lead = bytes[end - count] ?? 0;
    const isContinuation = (lead & 0xc0) === 0x80;
    if (!isContinuation) return count < lengthBy(lead, bytes[end - count + 1]) ? count : 0;
  }
  return 0;
}

/** The length of a character by its first byte; 0 where there is none that begins with these two. */
function lengthBy(lead: number, second: number | undefined): number {
  if (second !== undefined && (second < (LOWEST[lead] ?? 0x80) || second > (HIGHEST[lead] ?? 0xbf))) return 0;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/** Second bytes, where not all from 80 to BF may follow: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
const LOWEST: Readonly<Record<number, number>> = { 224: 0xa0, 240: 0x90 };
const HIGHEST: Readonly<Record<number, number>> = { 237: 0x9f, 244: 0x8f };
