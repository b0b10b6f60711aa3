import { NameSchema } from "../names.ts";
import { defineBinding } from "./define-binding.ts";

/** The workflows of a function. */
export const workflow = defineBinding({
  kind: "workflow",
  option: NameSchema,
  facts: (name) => ({ workflow: name }),
  type: "Workflows",
  describe: (facts) => `The workflows of the function ${facts.workflow}.`,
});
