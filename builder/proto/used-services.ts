/** The services that a bundle has, and all that follows from them: routes, and descriptors for reflection. */
import { resolve } from "node:path";
import { create, createFileRegistry, type DescFile, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { Route } from "../../contracts/index.ts";
import type { BundleFacts } from "../bundle-message.ts";
import { compileProto } from "./compile.ts";
import { httpRulesOf } from "./http-rules.ts";
import { protoFileOf, serviceIn } from "./proto-paths.ts";

export interface UsedServices {
  /** Full names, sorted. */
  names: string[];
  /** The paths of their methods for gRPC-Web and Connect, and the paths of their annotations. */
  routes: Route[];
  /** A `google.protobuf.FileDescriptorSet` of their files and all imported ones. */
  descriptors: Uint8Array;
}

/** Undefined for a bundle without services. `dir`: the function's folder. */
export async function findServices(
  { outputs }: BundleFacts,
  { dir, bundleFile }: { dir: string; bundleFile: string },
): Promise<UsedServices | undefined> {
  const used = Object.entries(outputs[bundleFile]?.inputs ?? {}).flatMap(([path, { bytesInOutput }]) => {
    const service = serviceIn(path);
    return service === undefined || bytesInOutput === 0
      ? []
      : [{ path: resolve(dir, protoFileOf(path)), service }];
  });
  if (used.length === 0) return undefined;
  const [names, routes] = [new Set<string>(), new Set<string>()];
  const files = new Map<string, DescFile["proto"]>();
  for (const [path, services] of Map.groupBy(used, ({ path }) => path)) {
    const { set, parsed } = await compileProto(path, { root: dir });
    const registry = createFileRegistry(set);
    for (const file of set.file) files.set(file.name, file);
    const own = registry.getFile(parsed.source.name)?.services ?? [];
    for (const service of own.filter(({ name }) => services.some((one) => one.service === name))) {
      names.add(service.typeName);
      routes.add(`/${service.typeName}/*`);
      for (const { route } of httpRulesOf(service, registry)) routes.add(route);
    }
  }
  const set = create(FileDescriptorSetSchema, { file: [...files.values()] });
  return {
    names: [...names].sort(),
    routes: [...routes].sort().map((path) => ({ path })),
    descriptors: toBinary(FileDescriptorSetSchema, set),
  };
}
