import { webcrypto } from "node:crypto";

/** From the weakest to the strongest (Subresource Integrity). */
const ALGORITHMS = ["SHA-256", "SHA-384", "SHA-512"];
const METADATA = /^sha(256|384|512)-([A-Za-z0-9+/_-]+={0,2})(?:\?[\x21-\x7e]*)?$/;

/** Whether bytes match one of an `integrity`'s hashes of the strongest algorithm. An `integrity` without a hash matches all bytes. */
export async function matchesIntegrity(integrity: string, bytes: ArrayBuffer): Promise<boolean> {
  const hashes = integrity.split(/[\t\n\f\r ]+/).flatMap((text) => {
    const [, bits = "", hash = ""] = METADATA.exec(text) ?? [];
    return hash === "" ? [] : [{ strength: ALGORITHMS.indexOf(`SHA-${bits}`), hash }];
  });
  if (hashes.length === 0) return true;
  const strength = Math.max(...hashes.map((one) => one.strength));
  const actual = Buffer.from(await webcrypto.subtle.digest(ALGORITHMS[strength] ?? "SHA-512", bytes));
  return hashes.some((one) => one.strength === strength && actual.equals(Buffer.from(one.hash, "base64")));
}
