/**
 * The services that narun.yaml names and the bundle does not implement by `grpc(…)`: a handler that reads and writes frames
 * itself has them. Their descriptors come from the `.proto` files of the folder.
 */
import { createFileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { LoadedFunction } from "../function-folder.ts";
import { compileProto } from "./compile.ts";
import { findProtos } from "./find-protos.ts";
import { faultsAsIssues } from "./proto-issues.ts";
import { readServices } from "./read-services.ts";
import type { UsedServices } from "./used-services.ts";

export interface DeclaredServices {
  /** With those that the bundle implements; undefined where there are neither. */
  services: UsedServices | undefined;
  /** Names that no `.proto` file of the folder has. */
  unknown: string[];
  /** The files that were read. */
  paths: string[];
}

/** Error: BUILD_FAILED, for a file of the folder with a fault. */
export function findDeclared(
  { dir }: Pick<LoadedFunction, "dir">,
  implemented: UsedServices | undefined,
  names: readonly string[],
): Promise<DeclaredServices> {
  return faultsAsIssues(dir, async () => {
    const wanted = new Set(names);
    const used: { path: string; service: string }[] = [];
    const paths: string[] = [];
    for (const path of await findProtos(dir)) {
      const { set, parsed, paths: read } = await compileProto(path, { root: dir });
      paths.push(...read);
      const file = createFileRegistry(set).getFile(parsed.source.name);
      for (const { typeName, name } of file?.services ?? [])
        if (wanted.delete(typeName)) used.push({ path, service: name });
    }
    const found = used.length === 0 ? undefined : await readServices(used, dir);
    return { services: joined(implemented, found), unknown: [...wanted].sort(), paths };
  });
}

function joined(first: UsedServices | undefined, second: UsedServices | undefined): UsedServices | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  const routes = new Map([...first.routes, ...second.routes].map((route) => [route.path, route]));
  return {
    names: [...first.names, ...second.names].sort(),
    routes: [...routes.values()].sort((a, b) => (a.path < b.path ? -1 : 1)),
    descriptors: joinedSets(first.descriptors, second.descriptors),
  };
}

function joinedSets(first: Uint8Array, second: Uint8Array): Uint8Array {
  const set = fromBinary(FileDescriptorSetSchema, first);
  const names = new Set(set.file.map(({ name }) => name));
  set.file.push(...fromBinary(FileDescriptorSetSchema, second).file.filter(({ name }) => !names.has(name)));
  return toBinary(FileDescriptorSetSchema, set);
}
