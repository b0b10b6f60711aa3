/** The modules of one `.proto` file: the part of proto-modules.ts that needs the compiler. */
import { basename, dirname, relative, sep } from "node:path";
import { createFileRegistry, type DescFile } from "@bufbuild/protobuf";
import { type CompiledProto, compileEmbedded, compileProto } from "./compile.ts";
import { mainModule, serviceModule, typesModule } from "./generate-module.ts";
import { HttpRuleError, httpRulesOf } from "./http-rules.ts";
import { ProtoError } from "./proto-error.ts";
import { SERVICE_SUFFIX, TYPES_SUFFIX } from "./proto-paths.ts";

/** `isOwn`: narun itself has the file. */
export function compileModule(
  path: string,
  { root, isOwn }: { root: string; isOwn: boolean },
): Promise<CompiledProto> {
  return isOwn ? compileEmbedded(path) : compileProto(path, { root });
}

export function sourceOf(proto: CompiledProto, path: string, suffix: string): string {
  // Relative specifiers: the source map has the module's text, which must not depend on the place of the folder.
  const own = `./${basename(path)}`;
  const registry = createFileRegistry(proto.set);
  const file = registry.getFile(proto.parsed.source.name) as DescFile;
  if (suffix === "") return mainModule(file, own + TYPES_SUFFIX, (name) => own + SERVICE_SUFFIX + name);
  if (suffix === TYPES_SUFFIX) {
    return typesModule(file, {
      moduleOf: (other) => specifierOf(proto, other, dirname(path)) + TYPES_SUFFIX,
    });
  }
  const service = file.services.find(({ name }) => suffix === SERVICE_SUFFIX + name);
  if (service === undefined) throw new Error(`${path} has no ${suffix}`);
  try {
    return serviceModule(service, own + TYPES_SUFFIX, httpRulesOf(service, registry));
  } catch (error) {
    if (!(error instanceof HttpRuleError)) throw error;
    const place = proto.parsed.places.get(error.method.proto);
    if (place === undefined) throw error;
    throw new ProtoError(place, error.message, error.hint);
  }
}

/** A file of the closure as it is imported from a folder: by its way, or by its name where narun has it. */
function specifierOf({ files }: CompiledProto, { name }: DescFile, folder: string): string {
  const file = files.get(`${name}.proto`);
  const path = file !== undefined && "parsed" in file ? file.parsed.source.path : undefined;
  if (path === undefined) return `${name}.proto`;
  const way = relative(folder, path).split(sep).join("/");
  return way.startsWith(".") ? way : `./${way}`;
}
