import { z } from "zod";
import { defineBinding } from "./define-binding.ts";
import { SubjectPatternSchema } from "./subjects.ts";

/** Subjects to which the function may publish, wildcards allowed. */
export const publish = defineBinding({
  kind: "publish",
  option: z.array(SubjectPatternSchema).nonempty().max(100),
  facts: (subjects) => ({ subjects }),
  type: "Publisher",
  typeArguments: ({ subjects }) => [subjects.map(subjectType).join(" | ")],
  describe: () => "Subjects of NATS.",
});

/** The subjects that a pattern stands for, as precisely as a type of TypeScript can express it. */
export function subjectType(pattern: string): string {
  if (!/[*>]/.test(pattern)) return JSON.stringify(pattern);
  const text = pattern.replace(/[\\`]|\$\{/g, "\\$&");
  return `\`${text.replace(/(^|\.)[*>](?=\.|$)/g, (_, dot: string) => `${dot}\${string}`)}\``;
}
