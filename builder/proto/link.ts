/** Resolves the names of types in files, and reads their options. */
import { create } from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  type FileDescriptorSet,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { checkFile } from "./check-file.ts";
import type { LinkedFile, ParsedFile, TypeReference } from "./parsed-file.ts";
import { ProtoError } from "./proto-error.ts";
import { readOptions } from "./read-options.ts";
import { type Definition, Symbols } from "./symbols.ts";

function descriptorOf(file: LinkedFile): FileDescriptorProto {
  return "known" in file ? file.known : file.parsed.descriptor;
}

/**
 * Links files, each after its imports: their descriptors are whole afterwards. Error: ProtoError, for the first
 * fault.
 */
export function linkFiles(files: readonly LinkedFile[]): FileDescriptorSet {
  const symbols = new Symbols();
  const visible = visibleFiles(files.map(descriptorOf));
  for (const file of files) {
    const placeOf = (part: object) => ("parsed" in file ? file.parsed.places.get(part) : undefined);
    symbols.addFile(descriptorOf(file), placeOf);
  }
  for (const file of files) if ("parsed" in file) resolveReferences(file.parsed, symbols, visible);
  const set = create(FileDescriptorSetSchema, { file: files.map(descriptorOf) });
  readOptions(files, set, symbols);
  for (const file of files) if ("parsed" in file) checkFile(file.parsed);
  return set;
}

/** The files whose names a file may use: itself, its imports, and their public imports. */
function visibleFiles(files: readonly FileDescriptorProto[]): Map<string, ReadonlySet<string>> {
  const passedOn = new Map<string, ReadonlySet<string>>();
  const visible = new Map<string, ReadonlySet<string>>();
  for (const { name, dependency, publicDependency } of files) {
    const through = (imported: string) => [imported, ...(passedOn.get(imported) ?? [])];
    passedOn.set(name, new Set(publicDependency.flatMap((index) => through(dependency[index] ?? ""))));
    visible.set(name, new Set([name, ...dependency.flatMap(through)]));
  }
  return visible;
}

const isType = ({ kind }: Definition) => kind === "message" || kind === "enum";

function resolveReferences(
  { descriptor, references }: ParsedFile,
  symbols: Symbols,
  visible: ReadonlyMap<string, ReadonlySet<string>>,
): void {
  const mayUse = visible.get(descriptor.name);
  for (const reference of references) {
    const isVisible = ({ file }: Definition) => file !== undefined && mayUse?.has(file) === true;
    const full = symbols.find(reference.name, reference.scope, (one) => isType(one) && isVisible(one));
    const found = full === undefined ? undefined : symbols.get(full);
    if (full === undefined || found === undefined) throw unresolved(reference, symbols);
    if (reference.wants === "message" && found.kind === "enum") {
      throw new ProtoError(
        reference.place,
        `${reference.name} is an enum`,
        "a message is needed here: put the enum into one",
      );
    }
    reference.resolve(`.${full}`, found.kind === "enum" ? "enum" : "message");
  }
}

function unresolved({ name, scope, place }: TypeReference, symbols: Symbols): ProtoError {
  const hidden = symbols.find(name, scope, isType);
  const file = hidden === undefined ? undefined : symbols.get(hidden)?.file;
  if (file !== undefined) {
    return new ProtoError(
      place,
      `${name} is in a file that is not imported`,
      `write: import ${JSON.stringify(file)};`,
    );
  }
  const near = symbols.near(name, isType);
  const hint = near === undefined ? "define it, or import the file that does" : `did you mean ${near}?`;
  return new ProtoError(place, `there is no type ${name}`, hint);
}
