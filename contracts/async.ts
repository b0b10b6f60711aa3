import { z } from "zod";
import { SecretNameSchema } from "./bindings/index.ts";

/** Upper bound of the address of a callback. */
const MAX_CALLBACK_CHARACTERS = 2_000;
export const CallbackSchema = z
  .string()
  .max(MAX_CALLBACK_CHARACTERS)
  .refine((text) => /^https?:\/\//i.test(text) && URL.canParse(text), "a callback is a URL of http or https");

/**
 * Which requests of a function are answered before they run. `true`: all; `false`: none. Absent: requests that prefer it
 * (RFC 7240).
 */
export const AsyncSchema = z.union([
  z.boolean(),
  z.strictObject({
    /** All requests, or requests that prefer it. */
    when: z.enum(["always", "preferred"]).default("always"),
    /** The calls that run again after their instance ended: all, or only calls that may run twice over HTTP. */
    repeat: z.enum(["always", "safe"]).default("always"),
    /** Where results are posted. A request's own `Narun-Callback` counts before. */
    callback: CallbackSchema.optional(),
    /** The name of the secret that signs callbacks. */
    secret: SecretNameSchema.optional(),
  }),
]);
export type Async = z.infer<typeof AsyncSchema>;
