import { z } from "zod";
import { BoundedMap } from "./bounded-map.ts";
import { FunctionConfigSchema } from "./function-config.ts";
import { RevisionSchema } from "./names.ts";
import { parseJson } from "./parse-json.ts";
import { ServiceDescriptionSchema } from "./service-description.ts";
import { ServiceFileSchema, type ServiceSpec, ServiceSpecSchema, TEXT_KEYS } from "./service-spec.ts";
import { createSharedParts } from "./shared-parts.ts";
import { parseYaml, type YamlResult } from "./yaml.ts";

/** The desired state of a function: its configuration and the revision that is live. */
export const FunctionSpecSchema = FunctionConfigSchema.safeExtend({
  revision: RevisionSchema,
  /** The keys by which runners of the original toolkit find a program's file. */
  tag: z.string().optional(),
  binary_object: z.string().optional(),
  /** The description of the service that its code is. Absent: it is a plain function, or no node tried it. */
  interface: ServiceDescriptionSchema.optional(),
  /** It is paused since then: no instance runs or starts, on any node. A push and a rollback keep the pause. */
  paused: z.strictObject({ since: z.iso.datetime() }).optional(),
});
export type FunctionSpec = z.infer<typeof FunctionSpecSchema>;

/** The value of a key in `app-configs`. */
export type Spec = { kind: "function"; spec: FunctionSpec } | { kind: "service"; spec: ServiceSpec };

const FUNCTION_MODES = new Set<unknown>(["isolate", "node"]);

/** A function of ours. A program of ours has a revision; a program of the original toolkit has none. */
function isFunction(value: unknown): value is FunctionSpec {
  if (FUNCTION_MODES.has(modeOf(value))) return true;
  return modeOf(value) === "exec" && typeof value === "object" && value !== null && "revision" in value;
}

const FunctionEntrySchema = FunctionSpecSchema.transform((spec): Spec => ({ kind: "function", spec }));
const ServiceEntrySchema = ServiceSpecSchema.transform((spec): Spec => ({ kind: "service", spec }));

/**
 * Parses an entry of `app-configs`: YAML, and most often JSON, which is YAML too. Reading JSON as such takes a twentieth of the
 * time, and each gateway and node-runner reads all entries at its start. The mode tells a function of ours from a service of the
 * original toolkit.
 */
export function parseSpec(text: string): YamlResult<Spec> {
  const spec = text.startsWith("{") ? parseJson(text, FunctionEntrySchema) : undefined;
  if (spec !== undefined) return { ok: true, value: spec };
  return parseYaml(
    text,
    (value) => (isFunction(value) ? FunctionEntrySchema : ServiceEntrySchema),
    undefined,
    (value) => (isFunction(value) ? undefined : TEXT_KEYS),
  );
}

/** Parses the spec of a service as its author wrote it. A key that is nearly a known one is refused, with the known one. */
export function parseServiceFile(text: string): YamlResult<ServiceSpec> {
  return parseYaml(text, ServiceFileSchema, undefined, () => TEXT_KEYS);
}

function modeOf(value: unknown): unknown {
  return typeof value === "object" && value !== null && "mode" in value ? value.mode : undefined;
}

/** The keys in which each function differs from the others. */
const { name, routes, revision } = FunctionSpecSchema.shape;
const OwnSchema = z.strictObject({ name, routes, revision });
type Own = z.infer<typeof OwnSchema>;

/** Upper bound of the configurations that a reader remembers. */
const MAX_KNOWN = 1_000;

/** The text between the keys that functions share and their own ones, as `formatSpec` writes it. */
const OWN_KEYS = ',"name":';

/**
 * Returns a function that parses as `parseSpec` does, for entries by the thousand: most of them have the same text but for their
 * own keys. The rest of a text is checked when it is seen first, and its value belongs to all specs that have it.
 */
export function createSpecReader(): typeof parseSpec {
  const known = new BoundedMap<string, Omit<FunctionSpec, keyof Own>>(MAX_KNOWN);
  const shareParts = createSharedParts();
  return (text) => {
    const at = text.lastIndexOf(OWN_KEYS);
    // Keys that are not the last ones of a text, and are behind this point, are no JSON.
    const own = at === -1 ? undefined : parseJson(`{${text.slice(at + 1)}`, OwnSchema);
    const rest = text.slice(0, at);
    const shared = own && known.get(rest);
    if (own !== undefined && shared !== undefined)
      return { ok: true, value: { kind: "function", spec: { ...shared, ...own } } };
    const parsed = parseSpec(text);
    if (!parsed.ok || parsed.value.kind !== "function") return parsed;
    const spec = shareParts(parsed.value.spec);
    if (own !== undefined) {
      const { name: _name, routes: _routes, revision: _revision, ...others } = spec;
      known.set(rest, others);
    }
    return { ok: true, value: { kind: "function", spec } };
  };
}

/** Writes an entry as JSON on one line, as nats-server keeps it in memory. Readers that know only YAML read it all the same. */
export function formatSpec(spec: FunctionSpec | ServiceSpec): string {
  return `${JSON.stringify(isFunction(spec) ? withOwnKeysLast(spec) : spec)}\n`;
}

function withOwnKeysLast({ name, routes, revision, ...shared }: FunctionSpec): FunctionSpec {
  return { ...shared, name, routes, revision };
}
