import { BucketSchema } from "./buckets.ts";
import { defineBinding } from "./define-binding.ts";

/** An object store. It is created if it does not exist. */
export const objects = defineBinding({
  kind: "objects",
  option: BucketSchema,
  facts: (bucket) => ({ bucket }),
  type: "ObjectBucket",
  describe: ({ bucket }) => `The object store ${bucket}.`,
});
