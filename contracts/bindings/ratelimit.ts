import { z } from "zod";
import { defineBinding } from "./define-binding.ts";

/** A limit of how often a key may be used, for each node. */
export const ratelimit = defineBinding({
  kind: "ratelimit",
  option: z.strictObject({
    limit: z.int().min(1).max(1_000_000),
    periodSeconds: z.int().min(1).max(86_400),
  }),
  facts: ({ limit, periodSeconds }) => ({ limit, periodSeconds }),
  type: "RateLimit",
  describe: ({ limit, periodSeconds }) => `${limit} uses of a key in ${periodSeconds} s, on each node.`,
});
