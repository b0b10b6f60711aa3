import type { z } from "zod";

/** What a JSON text says, by a schema. Undefined: it is something else, as anybody may publish on most subjects. */
export function parseJson<T>(text: string, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    // No JSON at all.
    return undefined;
  }
}
