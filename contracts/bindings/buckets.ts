import { z } from "zod";

/** Names of the stores of narun itself, apart from those with `OWN_STORE_PREFIX`. The original toolkit has the same. */
const OWN_STORES = new Set(["app-configs", "app-binaries", "node-runner-states"]);
const OWN_STORE_PREFIX = "narun-";

/** Whether a bucket is narun's own. A function reaches none of these. */
export function isReservedStore(bucket: string): boolean {
  const lowerCase = bucket.toLowerCase();
  return OWN_STORES.has(lowerCase) || lowerCase.startsWith(OWN_STORE_PREFIX);
}

/** The name of a KV bucket or of an object store, in the grammar of JetStream. */
export const BucketSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,63}$/, "a bucket has 1 to 63 characters out of A-Z, a-z, 0-9, _ and -")
  .refine((bucket) => !isReservedStore(bucket), "narun keeps its own things there; choose another bucket");
