/**
 * Digests and HMACs of small inputs, at once: a thread of the pool would take longer to wake than to work. What these
 * functions answer undefined to is left to Web Cryptography, errors included.
 */
import { createHmac, hash, KeyObject, type webcrypto } from "node:crypto";
import type { AlgorithmArgument } from "./arguments.ts";

/** So much takes less than 20 microseconds. */
const MAX_BYTES = 16 * 1024;

const HASHES: Readonly<Record<string, string>> = {
  "SHA-1": "sha1",
  "SHA-256": "sha256",
  "SHA-384": "sha384",
  "SHA-512": "sha512",
};

export function digestAtOnce({ name }: AlgorithmArgument, message: Uint8Array): ArrayBuffer | undefined {
  const known = Object.hasOwn(HASHES, name) ? HASHES[name] : undefined;
  if (known === undefined || message.length > MAX_BYTES) return undefined;
  return bytesAlone(hash(known, message, "buffer"));
}

export function signAtOnce(
  { name }: AlgorithmArgument,
  key: webcrypto.CryptoKey,
  message: Uint8Array,
): ArrayBuffer | undefined {
  const { algorithm, usages } = key;
  if (name !== "HMAC" || algorithm.name !== "HMAC" || !usages.includes("sign")) return undefined;
  const hashName = (algorithm as webcrypto.HmacKeyAlgorithm).hash.name;
  const known = Object.hasOwn(HASHES, hashName) ? HASHES[hashName] : undefined;
  if (known === undefined || message.length > MAX_BYTES) return undefined;
  return bytesAlone(createHmac(known, KeyObject.from(key)).update(message).digest());
}

/** Node's small buffers share a larger one, which must not cross. */
function bytesAlone(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
