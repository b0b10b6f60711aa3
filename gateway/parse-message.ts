import type { z } from "zod";
import type { Message } from "../nats/index.ts";

/** What a message says. Undefined: it is not what the subject is for, as anybody may publish there. */
export function parseMessage<T>(message: Message, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.safeParse(JSON.parse(message.text())).data;
  } catch {
    // No JSON at all.
    return undefined;
  }
}
