import { hash } from "node:crypto";
import type { AlgorithmArgument } from "./arguments.ts";

/** Upper bound of an input that is hashed at once: it takes less than 20 µs, and a thread of the pool takes 50 µs to begin. */
const MAX_BYTES = 16 * 1024;

const HASHES: Readonly<Record<string, string>> = {
  "SHA-1": "sha1",
  "SHA-256": "sha256",
  "SHA-384": "sha384",
  "SHA-512": "sha512",
};

/** The digest of a small input, at once. Undefined: Web Cryptography does it, errors included. */
export function digestAtOnce({ name }: AlgorithmArgument, message: Uint8Array): ArrayBuffer | undefined {
  const known = Object.hasOwn(HASHES, name) ? HASHES[name] : undefined;
  if (known === undefined || message.length > MAX_BYTES) return undefined;
  // Node's small buffers are parts of a larger one, which must not cross.
  return new Uint8Array(hash(known, message, "buffer")).buffer;
}
