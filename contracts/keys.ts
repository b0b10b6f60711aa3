/** The directory of keys, as its readers find it in the bucket `narun-keys` (docs/encryption.md). */
import { z } from "zod";

/** A label names a set of recipients: `payments`, `user:42`. */
export const LabelSchema = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9:_-]{0,61}[a-z0-9])?$/,
    "a label has 1 to 63 characters out of a-z, 0-9, :, _ and -, the first and last no sign",
  );

const NAME = "[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,127})";

/** Has a key of its own: a node or a user. */
export const IdentitySchema = z
  .string()
  .regex(new RegExp(`^(?:node|user):${NAME}$`), "an identity is node:NAME or user:NAME");

/** Labels are granted to these: a service is a function, by its name; the nodes that may run it open for it. */
export const RecipientSchema = z
  .string()
  .regex(new RegExp(`^(?:service|user):${NAME}$`), "a recipient is service:NAME or user:NAME");

/** Key ids are fingerprints: RFC 7638, SHA-256, base64url. */
const KeyIdSchema = z.string().max(128);

/** The public half of an X25519 key (RFC 8037). */
export const PublicKeySchema = z.object({
  kty: z.literal("OKP"),
  crv: z.literal("X25519"),
  x: z.string().length(43),
});
export type PublicKey = z.infer<typeof PublicKeySchema>;

const EnrolledSchema = z.object({
  kid: KeyIdSchema,
  key: PublicKeySchema,
  /** The services that a node may run. Default: all. */
  services: z.array(z.string()).optional(),
});
export type Enrolled = z.infer<typeof EnrolledSchema>;

/** One key of a label, sealed for its recipients: a JWE in its general JSON form (RFC 7516). */
const WrappedKeySchema = z.looseObject({
  protected: z.string(),
  iv: z.string(),
  ciphertext: z.string(),
  tag: z.string(),
  recipients: z.array(z.looseObject({ header: z.looseObject({ kid: KeyIdSchema }) })).max(2_000),
});

const LabelKeySchema = z.object({
  kid: KeyIdSchema,
  /** The version of the directory that brought it. */
  since: z.number().int().positive(),
  /** The recipients that open values under it: while it was the current key, or by a grant of history. */
  for: z.array(RecipientSchema).max(10_000),
  /** One for each time that holders were added. */
  sealed: z.array(WrappedKeySchema).nonempty().max(2_000),
});
export type LabelEntryKey = z.infer<typeof LabelKeySchema>;

const LabelEntrySchema = z.object({
  recipients: z.array(RecipientSchema).max(1_000),
  /** The id of the key that new data is sealed under. */
  current: KeyIdSchema,
  /** The oldest first. */
  keys: z.array(LabelKeySchema).nonempty().max(10_000),
});
export type LabelEntry = z.infer<typeof LabelEntrySchema>;

export const DirectorySchema = z.object({
  format: z.literal(1),
  /** The fingerprint of the root's signing key. */
  network: KeyIdSchema,
  /** Grows by one with every change. No reader takes a lower one than it has seen. */
  version: z.number().int().positive(),
  /** Milliseconds since 1970, by the clock of the signer. */
  signedAt: z.number().int().nonnegative(),
  /** How long after it nothing new is sealed by this directory. Default: no end. */
  validMs: z.number().int().positive().optional(),
  /** The root's own key, which is a recipient of every label's key. */
  root: PublicKeySchema,
  identities: z.record(IdentitySchema, EnrolledSchema),
  labels: z.record(LabelSchema, LabelEntrySchema),
});
export type Directory = z.infer<typeof DirectorySchema>;

/** A public key that asks to be enrolled: under `ask.<kid>` in the bucket. Its fingerprint is compared by people. */
export const EnrolmentSchema = z.object({
  identity: IdentitySchema,
  kid: KeyIdSchema,
  key: PublicKeySchema,
  askedAt: z.string(),
});
export type Enrolment = z.infer<typeof EnrolmentSchema>;

/**
 * The place that a sealed value belongs to. It is bound to the value: at another place it does not open. The parts are told apart by
 * their lengths, so that no two places look alike.
 */
export type SealPlace =
  | readonly ["kv", bucket: string, key: string]
  | readonly ["object", store: string, name: string]
  | readonly ["subject", subject: string]
  | readonly ["field", ...path: string[]]
  /** `id`, `status`: of a response, which belongs to one request. */
  | readonly ["call", service: string, action: string, "request"]
  | readonly ["call", service: string, action: string, "response", id: string, status: string]
  | readonly ["event", subject: string, type: string]
  | readonly ["journal", workflow: string, id: string, ...part: string[]]
  /** `facts`: all that is in clear of a line. */
  | readonly ["log", service: string, instance: string, ...facts: string[]]
  | readonly ["wrap", label: string, kid: string]
  | readonly ["file", name: string];
