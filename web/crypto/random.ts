import { AskFor } from "../host/boundary.ts";
import { askHost } from "../host/host-link.ts";

/** How many bytes of entropy are fetched from the host at once: a round trip costs more than the bytes. */
const POOL_BYTES = 4_096;

let pool = new Uint8Array(0);

/** Fresh random bytes, at most 65,536 in one call. */
export function randomBytes(length: number): Uint8Array {
  if (length > POOL_BYTES) return new Uint8Array(askHost(AskFor.entropy, length) as ArrayBuffer);
  if (pool.length < length) pool = new Uint8Array(askHost(AskFor.entropy, POOL_BYTES) as ArrayBuffer);
  const bytes = pool.slice(0, length);
  // Used bytes leave the pool, so that they are never returned twice.
  pool = pool.subarray(length);
  return bytes;
}

/** A random UUID, version 4 (RFC 9562). */
export function randomUuid(): string {
  const bytes = randomBytes(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const digits = bytes.toHex();
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-${digits.slice(12, 16)}-${digits.slice(16, 20)}-${digits.slice(20)}`;
}
