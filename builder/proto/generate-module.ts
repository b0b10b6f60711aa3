/**
 * The modules that stand for a `.proto` file in a bundle. Types and services are modules of their own, so that a bundle has a
 * service only where it is used. The builder learns from the bundle which services a function implements.
 */
import type { DescEnum, DescExtension, DescFile, DescMessage, DescService } from "@bufbuild/protobuf";
import { protoCamelCase } from "@bufbuild/protobuf/reflect";
import type { HttpRule } from "./http-rules.ts";
import { schemaNameOf, typeNameOf, typesOf } from "./proto-names.ts";
import { RUNTIME_MODULE, WELL_KNOWN_MODULE } from "./proto-paths.ts";
import { safeIdentifier } from "./safe-identifier.ts";
import { wellKnownExport } from "./well-known.ts";

export interface ModuleNames {
  /** The specifier of another module of a file by its name: its types, or a service of it. */
  moduleOf(file: DescFile): string;
}

/** The module that an import of the file itself gets: all its exports. */
export function mainModule(file: DescFile, types: string, serviceOf: (name: string) => string): string {
  const services = file.services.map(
    ({ name }) => `export { ${safeIdentifier(name)} } from ${quote(serviceOf(name))};`,
  );
  return [`export * from ${quote(types)};`, ...services, ""].join("\n");
}

/** The descriptor of the file, its messages, enums and extensions. */
export function typesModule(file: DescFile, names: ModuleNames): string {
  const { messages, enums, extensions } = typesOf(file);
  const used = usedFiles(file);
  const imported = used.map((one, index) => ({ one, local: `file${index}` }));
  const runtime = ["embeddedFile", "messageDesc", "enumDesc", "extDesc"].join(", ");
  return [
    `import { ${runtime} } from ${quote(RUNTIME_MODULE)};`,
    ...imported.map(({ one, local }) => importOf(one, local, names)),
    `export const file = /* @__PURE__ */ embeddedFile(${embedded(file)}, [${imported.map(({ local }) => local).join(", ")}]);`,
    ...messages.map((desc) => declare(schemaNameOf(desc), "messageDesc", placeOf(desc))),
    ...enums.flatMap((desc) => [
      declare(schemaNameOf(desc), "enumDesc", placeOf(desc)),
      `export const ${typeNameOf(desc)} = ${valuesOf(desc)};`,
    ]),
    ...extensions.map((desc) => declare(typeNameOf(desc), "extDesc", placeOf(desc))),
    "",
  ].join("\n");
}

function importOf(file: DescFile, local: string, names: ModuleNames): string {
  const known = wellKnownExport(`${file.name}.proto`);
  return known === undefined
    ? `import { file as ${local} } from ${quote(names.moduleOf(file))};`
    : `import { ${known} as ${local} } from ${quote(WELL_KNOWN_MODULE)};`;
}

function declare(name: string, call: string, place: readonly number[]): string {
  return `export const ${name} = /* @__PURE__ */ ${call}(file, ${place.join(", ")});`;
}

function valuesOf({ values }: DescEnum): string {
  return `{ ${values.map(({ localName, number }) => `${quote(localName)}: ${number}`).join(", ")} }`;
}

/** The indices of a type in its file: of the outermost message first. */
function placeOf(desc: DescMessage | DescEnum | DescExtension): number[] {
  const { parent, file } = desc;
  const siblings =
    desc.kind === "message"
      ? (parent?.nestedMessages ?? file.messages)
      : desc.kind === "enum"
        ? (parent?.nestedEnums ?? file.enums)
        : (parent?.nestedExtensions ?? file.extensions);
  const index = (siblings as readonly unknown[]).indexOf(desc);
  return parent === undefined ? [index] : [...placeOf(parent), index];
}

/** One service, with its HTTP paths where it has some. */
export function serviceModule(service: DescService, types: string, rules: readonly HttpRule[]): string {
  const index = service.file.services.indexOf(service);
  const desc = `serviceDesc(file, ${index})`;
  const table = rules.map(({ method, verb, pattern, fields, body, responseBody }) => [
    method,
    verb,
    pattern,
    fields,
    body,
    responseBody,
  ]);
  const value = rules.length === 0 ? desc : `withRest(${desc}, ${JSON.stringify(table)})`;
  const runtime = rules.length === 0 ? "serviceDesc" : "serviceDesc, withRest";
  return [
    `import { ${runtime} } from ${quote(RUNTIME_MODULE)};`,
    `import { file } from ${quote(types)};`,
    `export const ${safeIdentifier(service.name)} = /* @__PURE__ */ ${value};`,
    "",
  ].join("\n");
}

/** The imported files whose types the file uses: options alone need no file at run time. */
function usedFiles(file: DescFile): DescFile[] {
  const used = new Set<DescFile>();
  const { messages, extensions } = typesOf(file);
  for (const field of [...messages.flatMap(({ fields }) => fields), ...extensions]) {
    if (field.message !== undefined) used.add(field.message.file);
    if (field.enum !== undefined) used.add(field.enum.file);
    // The values of a map are of the kind of its entries.
    if (field.fieldKind === "map" && field.mapKind === "message") used.add(field.message.file);
  }
  for (const { extendee } of extensions) used.add(extendee.file);
  for (const { input, output } of file.services.flatMap(({ methods }) => methods)) {
    used.add(input.file);
    used.add(output.file);
  }
  used.delete(file);
  return [...used].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The descriptor as a tree of its set fields, without custom options and usual names: the run-time does not read them. */
function embedded({ proto }: DescFile): string {
  const { dependency: _, publicDependency: __, sourceCodeInfo: ___, ...slim } = proto;
  return JSON.stringify(slim, function (this: unknown, name: string, value: unknown) {
    const isLeftOut =
      name.startsWith("$") || value === undefined || (Array.isArray(value) && value.length === 0);
    const isUsual = name === "jsonName" && protoCamelCase(String((this as { name?: string }).name)) === value;
    return isLeftOut || isUsual ? undefined : value;
  });
}

function quote(text: string): string {
  return JSON.stringify(text);
}
