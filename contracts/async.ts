import { z } from "zod";
import { SecretNameSchema } from "./bindings/index.ts";

/** Upper bound of the address of a callback. */
const MAX_CALLBACK_CHARACTERS = 2_000;
export const CallbackSchema = z
  .string()
  .max(MAX_CALLBACK_CHARACTERS)
  .refine((text) => /^https?:\/\//i.test(text) && URL.canParse(text), "a callback is a URL of http or https");

/**
 * How a function's requests are answered before they run. `true`: all of them are; `false`: none is, even if it prefers it. Absent:
 * the requests that prefer it are (RFC 7240).
 */
export const AsyncSchema = z.union([
  z.boolean(),
  z.strictObject({
    /** Which requests: all, or the ones with that preference. */
    when: z.enum(["always", "preferred"]).default("always"),
    /** Which calls run again after the instance ended that ran them: all, or the calls that may run twice over HTTP, too. */
    repeat: z.enum(["always", "safe"]).default("always"),
    /** Where results are posted. A request's own `Narun-Callback` counts before. */
    callback: CallbackSchema.optional(),
    /** The name of the secret that signs callbacks. */
    secret: SecretNameSchema.optional(),
  }),
]);
export type Async = z.infer<typeof AsyncSchema>;
