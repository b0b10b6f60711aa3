/**
 * Services of the original toolkit as a node runs them: programs that are always there, on the nodes that their specs name,
 * or where narun places them (`scale`).
 */
import os from "node:os";
import {
  binaryObjectName,
  canonicalJson,
  type FunctionSpec,
  FunctionSpecSchema,
  goArch,
  goOs,
  type ServiceSpec,
} from "../../contracts/index.ts";
import { sha256Hex } from "../../machine/index.ts";

/** The file of a service's program. */
export interface ServiceFile {
  /** Its names in `app-binaries`, the best first. */
  objects: readonly string[];
  /** Undefined: the store tells it. */
  sha256: string | undefined;
  /** Why no node of narun can run it. */
  unfit?: string;
}

/** A spec that a node can run. `service`: it is of the original toolkit. */
export type RunnableSpec = FunctionSpec & { service?: ServiceFile };

/** The spec of a service, where it is for this node; undefined where other nodes run it. */
export function programOfService(spec: ServiceSpec, node: string): RunnableSpec | undefined {
  const isHere = spec.nodes.some(({ name }) => name === node);
  if (!isHere && spec.scale === undefined) return undefined;
  const service = fileOf(spec);
  const { name, args, env, nodes, mounts, user, memoryMB, memoryMaxMB, cpuCores, mode, nonet } = spec;
  const metrics =
    spec.metrics?.port === undefined ? undefined : { port: spec.metrics.port, path: spec.metrics.path };
  const landlock = mode === "landlock" ? (spec.landlock ?? {}) : undefined;
  const program = {
    name,
    mode: "exec",
    command: "program",
    routes: spec.routes ?? [],
    args: [...args],
    env: env.map(envOf),
    mounts: mounts.map(({ path, source: { objectStore } }) => ({ path, source: { objectStore } })),
    revision: service.sha256 ?? sha256Hex(canonicalJson(service.objects)),
    ...(isHere ? { nodes: nodes.map(({ name: target, replicas }) => ({ name: target, replicas })) } : {}),
    ...definedOf({
      tag: spec.tag,
      metrics,
      scale: spec.scale,
      user,
      memoryMB,
      memoryMaxMB,
      cpuCores,
      landlock,
    }),
    ...(nonet == null ? {} : { network: false }),
  };
  const parsed = FunctionSpecSchema.safeParse(program);
  if (!parsed.success) return undefined;
  // Jails are FreeBSD's.
  const unfit = mode === "jail" ? "mode jail: no node of narun has jails" : undefined;
  return { ...parsed.data, service: { ...service, ...(unfit && { unfit }) } };
}

function fileOf({ name, tag, binary_object, binaries = [] }: ServiceSpec): ServiceFile {
  const platform = { os: goOs(process.platform), arch: goArch(os.arch()) };
  const own = binaries.find((one) => one.os === platform.os && one.arch === platform.arch);
  const named = tag === undefined ? undefined : binaryObjectName(name, tag, platform);
  const objects = [own?.object, named, binary_object].filter((object) => object !== undefined);
  return { objects: [...new Set(objects)], sha256: own?.sha256 };
}

function envOf({ name, value, valueFromSecret }: ServiceSpec["env"][number]) {
  return valueFromSecret === undefined ? { name, value: value ?? "" } : { name, valueFromSecret };
}

function definedOf<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
