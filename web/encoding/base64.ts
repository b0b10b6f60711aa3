import { DOMException } from "../dom/dom-exception.ts";
import { requireArguments, toDOMString } from "../webidl/webidl.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Six bits by character code. 64 for a character outside of the alphabet. */
const BITS = new Uint8Array(128).fill(64);
for (let index = 0; index < 64; index++) BITS[ALPHABET.charCodeAt(index)] = index;

interface Native {
  encode?: (() => string) | undefined;
  decode?: ((text: string) => Uint8Array) | undefined;
}

/** V8's own functions, from version 14 on. They are several times as fast. */
let native: Native = {};

/** Called when an isolate begins, before any user code: V8 leaves these functions out while the snapshot is made. */
export function findNativeBase64(): void {
  native = {
    encode: (Uint8Array.prototype as { toBase64?: () => string }).toBase64,
    decode: (Uint8Array as { fromBase64?: (text: string) => Uint8Array }).fromBase64,
  };
}

/** Upper bound of the codes that go to `String.fromCharCode` at once, as its arguments. */
const PIECE = 8_192;

/** Bytes, as characters up to U+00FF, to base64 (HTML). */
export function btoa(data: unknown): string {
  requireArguments(arguments.length, 1, "btoa");
  const text = toDOMString(data);
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < bytes.length; index++) {
    const code = text.charCodeAt(index);
    if (code > 0xff) throw notBytes();
    bytes[index] = code;
  }
  return native.encode === undefined ? encodeBase64(bytes) : Reflect.apply(native.encode, bytes, []);
}

/** For a V8 without its own function. */
export function encodeBase64(bytes: Uint8Array): string {
  const codes = new Uint8Array(Math.ceil(bytes.length / 3) * 4);
  let at = 0;
  for (let index = 0; index < bytes.length; index += 3) {
    // Missing bytes behind the end count as 0.
    const [a = 0, b = 0, c = 0] = [bytes[index], bytes[index + 1], bytes[index + 2]];
    codes[at++] = ALPHABET.charCodeAt(a >> 2);
    codes[at++] = ALPHABET.charCodeAt(((a & 3) << 4) | (b >> 4));
    codes[at++] = ALPHABET.charCodeAt(((b & 15) << 2) | (c >> 6));
    codes[at++] = ALPHABET.charCodeAt(c & 63);
  }
  const missing = (3 - (bytes.length % 3)) % 3;
  if (missing > 0) codes.fill(0x3d, codes.length - missing);
  return textOf(codes);
}

function notBytes(): DOMException {
  return new DOMException(
    "btoa: the text has a character beyond U+00FF, which is no byte",
    "InvalidCharacterError",
  );
}

/** Base64 to bytes, as characters up to U+00FF. White space and missing padding are accepted (Infra). */
export function atob(data: unknown): string {
  requireArguments(arguments.length, 1, "atob");
  const text = toDOMString(data);
  return textOf(native.decode === undefined ? decodeBase64(text) : decodeNatively(native.decode, text));
}

function decodeNatively(decodeText: (text: string) => Uint8Array, text: string): Uint8Array {
  try {
    return Reflect.apply(decodeText, Uint8Array, [text]);
  } catch {
    throw notBase64();
  }
}

/** For a V8 without its own function. */
export function decodeBase64(spaced: string): Uint8Array {
  let text = spaced.replace(/[\t\n\f\r ]+/g, "");
  if (text.length % 4 === 0) text = text.replace(/={1,2}$/, "");
  if (text.length % 4 === 1) throw notBase64();
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
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
    bytes[at++] = (bits >> count) & 0xff;
  }
  return bytes;
}

function notBase64(): DOMException {
  return new DOMException("atob: the text is not base64", "InvalidCharacterError");
}

function textOf(codes: Uint8Array): string {
  let text = "";
  for (let start = 0; start < codes.length; start += PIECE) {
    text += String.fromCharCode.apply(null, codes.subarray(start, start + PIECE) as unknown as number[]);
  }
  return text;
}
