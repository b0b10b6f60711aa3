import { BucketSchema } from "./buckets.ts";
import { defineBinding } from "./define-binding.ts";

/** A KV bucket. It is created if it does not exist. */
export const kv = defineBinding({
  kind: "kv",
  option: BucketSchema,
  facts: (bucket) => ({ bucket }),
  type: "KvBucket",
  describe: ({ bucket }) => `The KV bucket ${bucket}.`,
});
