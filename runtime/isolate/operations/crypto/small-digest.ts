import { hash } from "node:crypto";
import type { AlgorithmArgument } from "./arguments.ts";

/** So much takes less than 20 microseconds, and a thread of the pool 50 to begin. */
const MAX_BYTES = 16 * 1024;

const HASHES: Readonly<Record<string, string>> = {
  "SHA-1": "sha1",
  "SHA-256": "sha256",
  "SHA-384": "sha384",
  "SHA-512": "sha512",
};

/** The digest of a small input, at once; undefined: it is left to Web Cryptography, errors included. */
export function digestAtOnce({ name }: AlgorithmArgument, message: Uint8Array): ArrayBuffer | undefined {
  const known = Object.hasOwn(HASHES, name) ? HASHES[name] : undefined;
  if (known === undefined || message.length > MAX_BYTES) return undefined;
  // Node's small buffers share a larger one, which must not cross.
  return new Uint8Array(hash(known, message, "buffer")).buffer;
}
