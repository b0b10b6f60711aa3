/** The sizes of sealed values. All but the content has a known length. */

/** The lengths of a wrapped key, nonce and tag in base64url, and of the four dots between the parts. */
const FIXED = 54 + 16 + 22 + 4;
/** The header without the key id: its names, the algorithms and a digest. */
const HEADER = 128;

/** The most bytes that fit, sealed for a label, into `maxBytes`. */
export function clearBytesOf(maxBytes: number, label: string): number {
  const header = Math.ceil((4 * (HEADER + label.length + 16)) / 3);
  return Math.max(0, Math.floor(((maxBytes - FIXED - header) * 3) / 4) - 2);
}
