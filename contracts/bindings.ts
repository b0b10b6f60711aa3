/**
 * Bindings: what a function may reach besides its own code. Each is declared in narun.yaml, and is a property of the
 * handler's `env` under its name.
 */
import { z } from "zod";
import { NameSchema } from "./names.ts";

/** A property of `env`. */
const VariableNameSchema = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "an env name has letters, digits and _, and no digit first");

/** What narun itself keeps in KV buckets and object stores: the original toolkit's stores, and all that begins like ours. */
const OWN_STORES = new Set(["app-configs", "app-binaries", "node-runner-states"]);
const OWN_STORE_PREFIX = "narun-";

/** Whether a bucket is narun's own: functions reach none of these. */
export function isReservedStore(bucket: string): boolean {
  const lowerCase = bucket.toLowerCase();
  return OWN_STORES.has(lowerCase) || lowerCase.startsWith(OWN_STORE_PREFIX);
}

/** The grammar of JetStream's buckets. */
const BucketSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,63}$/, "a bucket has 1 to 63 characters out of A-Z, a-z, 0-9, _ and -")
  .refine((bucket) => !isReservedStore(bucket), "narun keeps its own things there; choose another bucket");

/** The grammar of KV keys, with an end. */
export const SecretNameSchema = z
  .string()
  .max(128)
  .regex(
    /^[A-Za-z0-9_/=-]+(\.[A-Za-z0-9_/=-]+)*$/,
    "a secret's name has letters, digits, _, -, /, = and single dots inside",
  );

/** First tokens under which narun and NATS themselves speak. */
const OWN_SUBJECTS = new Set(["narun", "logs", "status"]);

/** Whether a subject is one that functions may not publish to: narun's own, and those of NATS (`$JS`, `$KV`, `_INBOX`, `_R_`). */
export function isReservedSubject(subject: string): boolean {
  const first = subject.split(".", 1)[0] ?? "";
  return /^[$_]/.test(first) || OWN_SUBJECTS.has(first);
}

// Tokens without white space or control characters; a wildcard is a whole token.
const TOKEN = /^[^\s.*>\p{Cc}]+$/u;

/** Whether a subject can be published to: tokens, none of them empty or a wildcard. */
export function isLiteralSubject(subject: string): boolean {
  return subject.length <= MAX_SUBJECT_LENGTH && subject.split(".").every((token) => TOKEN.test(token));
}

const MAX_SUBJECT_LENGTH = 1_024;

function isSubjectPattern(pattern: string): boolean {
  if (pattern.length > MAX_SUBJECT_LENGTH) return false;
  const tokens = pattern.split(".");
  return tokens.every(
    (token, index) => TOKEN.test(token) || token === "*" || (token === ">" && index === tokens.length - 1),
  );
}

/** Whether a literal subject is among those that a pattern stands for. */
export function matchesSubject(pattern: string, subject: string): boolean {
  const wanted = pattern.split(".");
  const tokens = subject.split(".");
  for (const [index, token] of wanted.entries()) {
    if (token === ">") return tokens.length > index;
    if (index >= tokens.length || (token !== "*" && token !== tokens[index])) return false;
  }
  return wanted.length === tokens.length;
}

const SubjectPatternSchema = z
  .string()
  .refine(
    isSubjectPattern,
    "a subject has tokens between dots; * stands for one token, > at the end for all that follow",
  )
  .refine(
    (pattern) => !/^[*>]/.test(pattern),
    "the first token is no wildcard: it would be narun's own subjects, too",
  )
  .refine(
    (pattern) => !isReservedSubject(pattern),
    "narun or NATS itself speaks there; choose another subject",
  );

const BINDING_KINDS = ["kv", "objects", "service", "publish", "secret"] as const;

/** One binding as narun.yaml has it: a name, and one of the kinds. */
export const BindingSchema = z
  .strictObject({
    name: VariableNameSchema,
    /** A KV bucket. Made where it is missing. */
    kv: BucketSchema.optional(),
    /** An object store. Made where it is missing. */
    objects: BucketSchema.optional(),
    /** Another function, or any consumer. */
    service: NameSchema.optional(),
    /** Subjects, wildcards allowed, to which it may publish. */
    publish: z.array(SubjectPatternSchema).nonempty().max(100).optional(),
    /** A secret's name: `env` has its value. */
    secret: SecretNameSchema.optional(),
  })
  .superRefine((binding, context) => {
    const kinds = BINDING_KINDS.filter((kind) => binding[kind] !== undefined);
    if (kinds.length === 1) return;
    const message =
      kinds.length === 0
        ? `it is no binding without one of ${BINDING_KINDS.join(", ")}`
        : `it has ${kinds.join(" and ")}; a binding is one of them`;
    context.addIssue({ code: "custom", message });
  });
export type Binding = z.infer<typeof BindingSchema>;

/** One value of `env` as narun.yaml and the specs have it (compatible: EnvVar). */
export const EnvSchema = z
  .strictObject({
    name: VariableNameSchema,
    value: z.string().optional(),
    /** The name of a secret whose value it is. */
    valueFromSecret: SecretNameSchema.optional(),
  })
  .refine(({ value, valueFromSecret }) => (value === undefined) !== (valueFromSecret === undefined), {
    message: "it has either value or valueFromSecret",
  });
export type EnvEntry = z.infer<typeof EnvSchema>;

/** The part of a function's configuration that its `env` is made of. */
export interface Surroundings {
  env: readonly EnvEntry[];
  bindings: readonly Binding[];
}

/** What a binding with an API of its own stands for. */
export type Capability =
  | { kind: "kv"; name: string; bucket: string }
  | { kind: "objects"; name: string; bucket: string }
  | { kind: "service"; name: string; service: string }
  | { kind: "publish"; name: string; subjects: readonly string[] };

/** The capabilities among the bindings: all but the secrets. */
export function capabilitiesOf({ bindings }: Pick<Surroundings, "bindings">): Capability[] {
  return bindings.flatMap(({ name, kv, objects, service, publish }): Capability[] => {
    if (kv !== undefined) return [{ kind: "kv", name, bucket: kv }];
    if (objects !== undefined) return [{ kind: "objects", name, bucket: objects }];
    if (service !== undefined) return [{ kind: "service", name, service }];
    return publish === undefined ? [] : [{ kind: "publish", name, subjects: publish }];
  });
}

/** The secrets that a function needs: the name that each has in its `env`, and its own. */
export function secretsOf({ env, bindings }: Surroundings): { name: string; secret: string }[] {
  const named = [
    ...env.map(({ name, valueFromSecret }) => ({ name, secret: valueFromSecret })),
    ...bindings.map(({ name, secret }) => ({ name, secret })),
  ];
  return named.flatMap(({ name, secret }) => (secret === undefined ? [] : [{ name, secret }]));
}

/** Adds an issue for every name that stands for two things. For `superRefine`. */
export function refuseDoubleNames({ env, bindings }: Surroundings, context: z.RefinementCtx): void {
  const seen = new Map<string, string>();
  const check = (list: "env" | "bindings", entries: readonly { name: string }[]) => {
    for (const [index, { name }] of entries.entries()) {
      const first = seen.get(name);
      if (first === undefined) seen.set(name, `${list}[${index}]`);
      else
        context.addIssue({
          code: "custom",
          path: [list, index, "name"],
          message: `${name} is ${first} already`,
        });
    }
  };
  check("env", env);
  check("bindings", bindings);
}
