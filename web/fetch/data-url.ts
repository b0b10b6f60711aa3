import { atob } from "../encoding/base64.ts";
import { encodeUtf8 } from "../encoding/encoding.ts";
import { parseMimeType } from "../file/mime-type.ts";
import type { URL } from "../url/url.ts";
import type { Bytes } from "./body.ts";

/** The content of a `data:` URL (Fetch, "data: URL processor"). Undefined for an invalid one. */
export function readDataUrl(url: URL): { type: string; bytes: Bytes } | undefined {
  const text = (url.href.split("#", 1)[0] ?? "").slice("data:".length);
  const comma = text.indexOf(",");
  if (comma === -1) return undefined;
  const given = text.slice(0, comma).replace(/^[\t\n\f\r ]+|[\t\n\f\r ]+$/g, "");
  const mark = /; *base64$/i.exec(given);
  const content = percentDecode(text.slice(comma + 1));
  const bytes = mark === null ? content : decodeBase64(content);
  if (bytes === undefined) return undefined;
  const name = mark === null ? given : given.slice(0, mark.index);
  const type = parseMimeType(name.startsWith(";") ? `text/plain${name}` : name);
  return { type: type?.toString() ?? "text/plain;charset=US-ASCII", bytes };
}

function percentDecode(text: string): Bytes {
  const bytes = encodeUtf8(text);
  let length = 0;
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] ?? 0;
    const code = byte === 0x25 ? Number.parseInt(hexAt(bytes, index + 1), 16) : Number.NaN;
    if (!Number.isNaN(code)) index += 2;
    bytes[length++] = Number.isNaN(code) ? byte : code;
  }
  return bytes.slice(0, length);
}

/** Two hex digits, or an empty string. */
function hexAt(bytes: Bytes, index: number): string {
  const text = String.fromCharCode(bytes[index] ?? 0, bytes[index + 1] ?? 0);
  return /^[0-9A-Fa-f]{2}$/.test(text) ? text : "";
}

function decodeBase64(bytes: Bytes): Bytes | undefined {
  try {
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}
