import { isAscii, isUtf8 } from "node:buffer";

/** Upper bound of a body that enters as text. */
const MAX_BYTES = 16 * 1024;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;

/**
 * A small body as text: a text crosses the boundary for a tenth of what a buffer costs. Undefined for bytes that the text would
 * not give back: bytes that are not UTF-8, or begin with a byte-order mark, which decoding drops.
 */
export function textOf(body: ArrayBuffer): string | undefined {
  if (body.byteLength > MAX_BYTES) return undefined;
  const bytes = Buffer.from(body);
  if (isAscii(bytes)) return bytes.toString("latin1");
  const isMarked = BYTE_ORDER_MARK.every((byte, at) => bytes[at] === byte);
  return isMarked || !isUtf8(bytes) ? undefined : bytes.toString("utf8");
}
