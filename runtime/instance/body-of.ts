import { isAscii, isUtf8 } from "node:buffer";

/** Upper bound of a body that enters as text. */
const MAX_TEXT_BYTES = 16 * 1024;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;

/**
 * The whole body of a request or an answer for a sandbox; undefined where it is empty. A small body that is UTF-8 is a text: it crosses into an
 * isolate for a tenth of what a buffer costs. Bytes that the text would not give back stay bytes: bytes that are not UTF-8, or
 * begin with a byte-order mark, which decoding drops.
 */
export function bodyOf(data: Uint8Array | string): string | ArrayBuffer | undefined {
  if (typeof data === "string") return isPlainText(data) ? data || undefined : bodyOf(Buffer.from(data));
  if (data.byteLength === 0) return undefined;
  // Not `slice()`: the data may be a Buffer, whose slices share memory with the neighbouring messages.
  return (data.byteLength <= MAX_TEXT_BYTES ? textOf(data) : undefined) ?? new Uint8Array(data).buffer;
}

/** Whether the bytes of a text give back that text: another one, of user code, may be none of Unicode. */
function isPlainText(text: string): boolean {
  return Buffer.byteLength(text) <= MAX_TEXT_BYTES && !text.startsWith("\ufeff") && text.isWellFormed();
}

function textOf(data: Uint8Array): string | undefined {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (isAscii(bytes)) return bytes.toString("latin1");
  const isMarked = BYTE_ORDER_MARK.every((byte, at) => bytes[at] === byte);
  return isMarked || !isUtf8(bytes) ? undefined : bytes.toString("utf8");
}
