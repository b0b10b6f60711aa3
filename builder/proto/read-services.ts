/** The facts of services: names, routes, descriptors. */
import { create, createFileRegistry, type DescFile, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { Route } from "../../contracts/index.ts";
import { compileProto } from "./compile.ts";
import { httpRulesOf } from "./http-rules.ts";

/** `used`: services by the path of their file and their name. `dir`: the function's folder. */
export async function readServices(
  used: readonly { path: string; service: string }[],
  dir: string,
): Promise<{ names: string[]; routes: Route[]; descriptors: Uint8Array }> {
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
