import { AskFor } from "./boundary.ts";
import { askHost } from "./host-link.ts";

/** As much as one call may ask for (Web Cryptography, `getRandomValues`). */
const MAX_BYTES = 65_536;

/** Entropy is fetched from the host in pieces of this size: a round trip costs more than the bytes. */
const POOL_BYTES = 4_096;

let pool = new Uint8Array(0);

function randomBytes(length: number): Uint8Array {
  if (length > POOL_BYTES) return new Uint8Array(askHost(AskFor.entropy, length) as ArrayBuffer);
  if (pool.length < length) pool = new Uint8Array(askHost(AskFor.entropy, POOL_BYTES) as ArrayBuffer);
  const bytes = pool.slice(0, length);
  // What was handed out is gone: the same bytes are never given twice.
  pool = pool.subarray(length);
  return bytes;
}

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export const crypto = {
  /** Fills an integer view of at most 65,536 bytes with random ones. */
  getRandomValues<T extends ArrayBufferView>(view: T): T {
    if (
      !ArrayBuffer.isView(view) ||
      view instanceof DataView ||
      /Float/.test(Object.prototype.toString.call(view))
    ) {
      throw new TypeError("getRandomValues takes a view of integers");
    }
    if (view.byteLength > MAX_BYTES) {
      throw new RangeError(
        `getRandomValues gives at most ${MAX_BYTES} bytes a call, ${view.byteLength} were asked for`,
      );
    }
    new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(randomBytes(view.byteLength));
    return view;
  },

  /** A random UUID, version 4 (RFC 9562). */
  randomUUID(): string {
    const bytes = randomBytes(16);
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    const digits = Array.from(bytes, (byte) => hex[byte]).join("");
    return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-${digits.slice(12, 16)}-${digits.slice(16, 20)}-${digits.slice(20)}`;
  },
};
