import { z } from "zod";

/** The name of a property of `env`. */
export const VariableNameSchema = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "an env name has letters, digits and _, and no digit first");

/** The name of a secret: the grammar of KV keys, with an upper bound of the length. */
export const SecretNameSchema = z
  .string()
  .max(128)
  .regex(
    /^[A-Za-z0-9_/=-]+(\.[A-Za-z0-9_/=-]+)*$/,
    "a secret's name has letters, digits, _, -, /, = and single dots inside",
  );

/** One value of `env` as narun.yaml and the specs have it (compatible: EnvVar). */
export const EnvSchema = z
  .strictObject({
    name: VariableNameSchema,
    value: z.string().optional(),
    /** The name of the secret that has the value. */
    valueFromSecret: SecretNameSchema.optional(),
  })
  .refine(({ value, valueFromSecret }) => (value === undefined) !== (valueFromSecret === undefined), {
    message: "it has either value or valueFromSecret",
  });
export type EnvEntry = z.infer<typeof EnvSchema>;
