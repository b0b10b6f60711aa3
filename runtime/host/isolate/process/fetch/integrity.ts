import { createHash } from "node:crypto";

/** From the weakest to the strongest (Subresource Integrity). */
const ALGORITHMS = ["sha256", "sha384", "sha512"];
const METADATA = /^(sha256|sha384|sha512)-([A-Za-z0-9+/_-]+={0,2})(?:\?[\x21-\x7e]*)?$/;

/** Whether bytes are what an `integrity` says: one of its hashes of the strongest algorithm. One that says nothing fits all. */
export function matchesIntegrity(integrity: string, bytes: Uint8Array): boolean {
  const hashes = integrity.split(/[\t\n\f\r ]+/).flatMap((text) => {
    const [, algorithm = "", hash = ""] = METADATA.exec(text) ?? [];
    return hash === "" ? [] : [{ strength: ALGORITHMS.indexOf(algorithm), hash }];
  });
  if (hashes.length === 0) return true;
  const strength = Math.max(...hashes.map((one) => one.strength));
  const actual = createHash(ALGORITHMS[strength] ?? "sha512")
    .update(bytes)
    .digest();
  return hashes.some((one) => one.strength === strength && actual.equals(Buffer.from(one.hash, "base64")));
}
