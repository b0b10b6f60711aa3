import { z } from "zod";
import { EventPatternSchema } from "../events.ts";
import { defineBinding } from "./define-binding.ts";
import { subjectType } from "./publish.ts";

const PatternsSchema = z.array(EventPatternSchema).nonempty().max(100);

/** Events that the function may publish, and hear by `once`; or each by itself. */
export const events = defineBinding({
  kind: "events",
  option: z.union([
    PatternsSchema,
    z
      .strictObject({ publish: PatternsSchema.optional(), hear: PatternsSchema.optional() })
      .refine(
        ({ publish, hear }) => publish !== undefined || hear !== undefined,
        "it names `publish`, `hear`, or both",
      ),
  ]),
  facts: (option) =>
    Array.isArray(option)
      ? { publishes: option, hears: option }
      : { publishes: option.publish ?? [], hears: option.hear ?? [] },
  type: "Events",
  typeArguments: ({ publishes }) => [publishes.map(subjectType).join(" | ") || "never"],
  describe: () => "Events: facts that others hear.",
});
