import { NameSchema } from "../names.ts";
import { defineBinding } from "./define-binding.ts";

/** Another function, or a consumer that narun did not start. */
export const service = defineBinding({
  kind: "service",
  option: NameSchema,
  facts: (name) => ({ service: name }),
  type: "Service",
  describe: (facts) => `The function ${facts.service}.`,
});
