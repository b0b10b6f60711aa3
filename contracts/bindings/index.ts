/**
 * Bindings give a function access to stores, subjects and other functions. Each is declared in narun.yaml, and is a
 * property of the handler's `env`. The schema, the capabilities and the types of `env` derive from `bindingKinds`.
 */
import { z } from "zod";
import { LabelSchema } from "../keys.ts";
import type { ServiceDescription } from "../service-description.ts";
import type { EnvProperty } from "./define-binding.ts";
import { type EnvEntry, SecretNameSchema, VariableNameSchema } from "./env.ts";
import { events } from "./events.ts";
import { kv } from "./kv.ts";
import { objects } from "./objects.ts";
import { publish } from "./publish.ts";
import { ratelimit } from "./ratelimit.ts";
import { service } from "./service.ts";
import { workflow } from "./workflow.ts";

export { isReservedStore } from "./buckets.ts";
export type { EnvProperty } from "./define-binding.ts";
export { EnvSchema, SecretNameSchema } from "./env.ts";
export { isLiteralSubject, isReservedSubject, matchesSubject } from "./subjects.ts";

const bindingKinds = [kv, objects, service, publish, events, ratelimit, workflow] as const;

type Kind = (typeof bindingKinds)[number];
type OptionShape = { [K in Kind as K["kind"]]: z.ZodOptional<K["option"]> };

/** The kinds whose values can be sealed. */
const SEALED_KINDS = ["kv", "objects", "publish", "service", "events", "workflow"] as const;

const KEYS = [...bindingKinds.map(({ kind }) => kind), "secret"] as const;

/** One binding as narun.yaml has it: a name, and the key of one kind. */
export const BindingSchema = z
  .strictObject({
    name: VariableNameSchema,
    ...(Object.fromEntries(bindingKinds.map(({ kind, option }) => [kind, option.optional()])) as OptionShape),
    /** The name of a secret. `env` has its value, so it needs no API of its own. */
    secret: SecretNameSchema.optional(),
    /** The label for which its values are sealed before they leave the host (docs/encryption.md). */
    seal: LabelSchema.optional(),
  })
  .superRefine((binding, context) => {
    const keys = KEYS.filter((key) => binding[key] !== undefined);
    if (binding.seal !== undefined && !SEALED_KINDS.some((kind) => binding[kind] !== undefined))
      context.addIssue({
        code: "custom",
        path: ["seal"],
        message: `only ${SEALED_KINDS.join(", ")} are sealed`,
      });
    if (keys.length === 1) return;
    const message =
      keys.length === 0
        ? `it is no binding without one of ${KEYS.join(", ")}`
        : `it has ${keys.join(" and ")}; a binding is one of them`;
    context.addIssue({ code: "custom", message });
  });
export type Binding = z.infer<typeof BindingSchema>;

/** The part of a function's configuration from which its `env` is made. */
export interface Surroundings {
  env: readonly EnvEntry[];
  bindings: readonly Binding[];
}

/** A binding with an API of its own, as its host works with it. */
export type Capability = NonNullable<ReturnType<Kind["capabilityOf"]>>;

/** The capabilities among the bindings: all but the secrets. */
export function capabilitiesOf({ bindings }: Pick<Surroundings, "bindings">): Capability[] {
  return bindings.flatMap((binding) => bindingKinds.flatMap((kind) => kind.capabilityOf(binding) ?? []));
}

/** The parts of a function's spec that name labels. */
interface Sealing extends Pick<Surroundings, "bindings"> {
  labels?: readonly string[] | undefined;
  workflow?: { seal?: string | undefined } | undefined;
  logs?: { seal: string } | undefined;
  interface?: ServiceDescription | undefined;
}

/**
 * The labels for which a function seals: of its bindings, its actions, its events, its workflow and its log, and further ones of its
 * code.
 */
export function labelsOf(spec: Sealing): string[] {
  const { labels = [], workflow: durable, logs, interface: told } = spec;
  return [
    ...new Set([
      ...capabilitiesOf(spec).flatMap(({ seal }) => seal ?? []),
      ...labels,
      ...(durable?.seal === undefined ? [] : [durable.seal]),
      ...(logs === undefined ? [] : [logs.seal]),
      ...(told?.actions ?? []).flatMap(({ encrypt }) => encrypt ?? []),
      ...(told?.events ?? []).flatMap(({ encrypt }) => encrypt ?? []),
    ]),
  ];
}

/** The properties of `env` that are capabilities, with their types. */
export function envPropertiesOf({ bindings }: Pick<Surroundings, "bindings">): EnvProperty[] {
  return bindings.flatMap((binding) => bindingKinds.flatMap((kind) => kind.propertyOf(binding) ?? []));
}

/** The secrets that a function needs: the name of each in `env`, and its own. */
export function secretsOf({ env, bindings }: Surroundings): { name: string; secret: string }[] {
  const named = [
    ...env.map(({ name, valueFromSecret }) => ({ name, secret: valueFromSecret })),
    ...bindings.map(({ name, secret }) => ({ name, secret })),
  ];
  return named.flatMap(({ name, secret }) => (secret === undefined ? [] : [{ name, secret }]));
}

/** Adds an issue for every name that two entries have. For `superRefine`. */
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
