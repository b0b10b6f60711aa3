/** The formats and usages of keys (Web Cryptography). The isolate converts arguments by them, the host checks calls by them. */

export const KEY_FORMATS = [
  "raw",
  "raw-public",
  "raw-seed",
  "raw-secret",
  "raw-private",
  "pkcs8",
  "spki",
  "jwk",
] as const;

export const KEY_USAGES = [
  "encrypt",
  "decrypt",
  "sign",
  "verify",
  "deriveKey",
  "deriveBits",
  "wrapKey",
  "unwrapKey",
  "encapsulateBits",
  "decapsulateBits",
  "encapsulateKey",
  "decapsulateKey",
] as const;
