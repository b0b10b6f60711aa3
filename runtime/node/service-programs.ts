/** Services of the original toolkit as a node runs them, and the files of their programs. */
import os from "node:os";
import {
  binaryObjectName,
  type FunctionSpec,
  functionOfService,
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
  const program = functionOfService(spec, sha256Hex);
  if (program === undefined) return undefined;
  if (program.nodes !== undefined && !program.nodes.some(({ name }) => name === node)) return undefined;
  // Jails are FreeBSD's.
  const unfit = spec.mode === "jail" ? "mode jail: no node of narun has jails" : undefined;
  return { ...program, service: { ...fileOf(spec), ...(unfit && { unfit }) } };
}

function fileOf({ name, tag, binary_object, binaries = [] }: ServiceSpec): ServiceFile {
  const platform = { os: goOs(process.platform), arch: goArch(os.arch()) };
  const own = binaries.find((one) => one.os === platform.os && one.arch === platform.arch);
  const named = tag === undefined ? undefined : binaryObjectName(name, tag, platform);
  const objects = [own?.object, named, binary_object].filter((object) => object !== undefined);
  return { objects: [...new Set(objects)], sha256: own?.sha256 };
}
