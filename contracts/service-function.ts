/**
 * A service of the original toolkit as narun runs it: a program that is always there on the nodes that its spec names, or where
 * and when narun places it (`scale`).
 */
import { canonicalJson } from "./manifest.ts";
import type { ServiceSpec } from "./service-spec.ts";
import { type FunctionSpec, FunctionSpecSchema } from "./spec.ts";

/**
 * The spec of a service in the form of a function's. It is the same in every process: gateways and nodes compare its revision.
 * `digestOf`: the SHA-256 of a text, in hex. Undefined: runners of the original toolkit alone can run it.
 */
export function functionOfService(
  spec: ServiceSpec,
  digestOf: (text: string) => string,
): FunctionSpec | undefined {
  const { name, args, env, nodes, mounts, user, memoryMB, memoryMaxMB, cpuCores, mode, nonet, tag } = spec;
  if (nodes.length === 0 && spec.scale === undefined) return undefined;
  const { binaries = [], binary_object = null } = spec;
  const parsed = FunctionSpecSchema.safeParse({
    name,
    mode: "exec",
    command: "program",
    routes: spec.routes ?? [],
    args: [...args],
    env: env.map(envOf),
    mounts: mounts.map(({ path, source: { objectStore } }) => ({ path, source: { objectStore } })),
    revision: digestOf(canonicalJson({ tag: tag ?? null, binary_object, binaries })),
    ...definedOf({
      nodes:
        nodes.length === 0 ? undefined : nodes.map(({ name: node, replicas }) => ({ name: node, replicas })),
      scale: nodes.length === 0 ? spec.scale : undefined,
      metrics: metricsOf(spec),
      // Any other mode has no use of it.
      landlock: mode === "landlock" ? (spec.landlock ?? {}) : undefined,
      network: nonet == null ? undefined : false,
      ...{ tag, user, memoryMB, memoryMaxMB, cpuCores, grpc: spec.grpc, hosts: spec.hosts },
    }),
  });
  return parsed.success ? parsed.data : undefined;
}

function envOf({ name, value, valueFromSecret }: ServiceSpec["env"][number]) {
  return valueFromSecret === undefined ? { name, value: value ?? "" } : { name, valueFromSecret };
}

function metricsOf({ metrics }: ServiceSpec) {
  return metrics?.port === undefined ? undefined : { port: metrics.port, path: metrics.path };
}

function definedOf<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
