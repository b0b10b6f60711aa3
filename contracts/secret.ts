import { z } from "zod";
import { SecretNameSchema } from "./bindings/index.ts";

const Base64Schema = z.base64();

/**
 * A secret as the bucket `narun-secrets` keeps it under its name (compatible): AES-256-GCM under the system's master key.
 * The name is the associated data, so that a ciphertext is valid for its own name only.
 */
export const StoredSecretSchema = z.object({
  name: SecretNameSchema,
  /** The encrypted value, the authentication tag of 16 bytes at its end. */
  ciphertext: Base64Schema,
  /** 12 bytes, new for every encryption. */
  nonce: Base64Schema,
  description: z.string().optional(),
  /** ISO 8601. */
  created_at: z.string(),
  updated_at: z.string(),
});
export type StoredSecret = z.infer<typeof StoredSecretSchema>;
