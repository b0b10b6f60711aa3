import { requireArguments, toDOMString } from "../webidl.ts";
import { DOMException } from "./dom-exception.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Character code → six bits; 64 where it is none of the alphabet. */
const BITS = new Uint8Array(128).fill(64);
for (let index = 0; index < 64; index++) BITS[ALPHABET.charCodeAt(index)] = index;

/** How many codes go to `String.fromCharCode` at once: they are its arguments. */
const PIECE = 8_192;

/** Bytes, as characters up to U+00FF, to base64 (HTML). */
export function btoa(data: unknown): string {
  requireArguments(arguments.length, 1, "btoa");
  const text = toDOMString(data);
  const codes = new Uint8Array(Math.ceil(text.length / 3) * 4);
  let at = 0;
  for (let index = 0; index < text.length; index += 3) {
    const a = byteAt(text, index);
    const b = byteAt(text, index + 1);
    const c = byteAt(text, index + 2);
    codes[at++] = ALPHABET.charCodeAt(a >> 2);
    codes[at++] = ALPHABET.charCodeAt(((a & 3) << 4) | (b >> 4));
    codes[at++] = ALPHABET.charCodeAt(((b & 15) << 2) | (c >> 6));
    codes[at++] = ALPHABET.charCodeAt(c & 63);
  }
  const missing = (3 - (text.length % 3)) % 3;
  if (missing > 0) codes.fill(0x3d, codes.length - missing);
  return textOf(codes, codes.length);
}

/** The byte at an index, 0 behind the end. */
function byteAt(text: string, index: number): number {
  if (index >= text.length) return 0;
  const code = text.charCodeAt(index);
  if (code <= 0xff) return code;
  throw new DOMException(
    "btoa: the text has a character beyond U+00FF, which is no byte",
    "InvalidCharacterError",
  );
}

/** Base64 to bytes, as characters up to U+00FF; white space and missing padding are forgiven (Infra). */
export function atob(data: unknown): string {
  requireArguments(arguments.length, 1, "atob");
  let text = toDOMString(data).replace(/[\t\n\f\r ]+/g, "");
  if (text.length % 4 === 0) text = text.replace(/={1,2}$/, "");
  if (text.length % 4 === 1) throw notBase64();
  const codes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let at = 0;
  let bits = 0;
  let count = 0;
  for (let index = 0; index < text.length; index++) {
    const six = BITS[text.charCodeAt(index)] ?? 64;
    if (six === 64) throw notBase64();
    bits = ((bits << 6) | six) & 0xfff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    codes[at++] = (bits >> count) & 0xff;
  }
  return textOf(codes, at);
}

function notBase64(): DOMException {
  return new DOMException("atob: the text is not base64", "InvalidCharacterError");
}

function textOf(codes: Uint8Array, length: number): string {
  let text = "";
  for (let start = 0; start < length; start += PIECE) {
    const piece = codes.subarray(start, Math.min(length, start + PIECE));
    text += String.fromCharCode.apply(null, piece as unknown as number[]);
  }
  return text;
}
