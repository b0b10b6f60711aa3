import { z } from "zod";
import { FunctionConfigSchema } from "./function-config.ts";
import { RevisionSchema } from "./names.ts";
import { parseJson } from "./parse-json.ts";
import { ServiceFileSchema, type ServiceSpec, ServiceSpecSchema, TEXT_KEYS } from "./service-spec.ts";
import { parseYaml, type YamlResult } from "./yaml.ts";

/** The desired state of a function: its configuration and the revision that is live. */
export const FunctionSpecSchema = FunctionConfigSchema.safeExtend({
  revision: RevisionSchema,
  /** The keys by which runners of the original toolkit find a program's file. */
  tag: z.string().optional(),
  binary_object: z.string().optional(),
});
export type FunctionSpec = z.infer<typeof FunctionSpecSchema>;

/** The value of a key in `app-configs`. */
export type Spec = { kind: "function"; spec: FunctionSpec } | { kind: "service"; spec: ServiceSpec };

const FUNCTION_MODES = new Set<unknown>(["isolate", "node"]);

/** A function of ours. A program of ours has a revision; a program of the original toolkit has none. */
function isFunction(value: unknown): boolean {
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

/** Writes an entry as JSON on one line, as nats-server keeps it in memory. Readers that know only YAML read it all the same. */
export function formatSpec(spec: FunctionSpec | ServiceSpec): string {
  return `${JSON.stringify(spec)}\n`;
}
