/**
 * The files of a `google.protobuf.FileDescriptorSet`, and what they define. The bytes of a file stay as they are: options that
 * are not known here keep their meaning.
 *
 * I1  Any bytes may be a set: bytes that are none give an index without files.
 */
import { messagesOf, type ProtoField, readProto, textsOf } from "./protobuf.ts";

export interface DescriptorIndex {
  /** A file and all files that it imports, each once. Undefined: no such file. */
  byName(file: string): Uint8Array[] | undefined;
  /** The file that defines a service, a method, a message, a field, an enum or an extension, by its full name. */
  fileOf(symbol: string): string | undefined;
  fileOfExtension(type: string, number: number): string | undefined;
  /** The numbers of the extensions of a message; undefined where it is not defined here. */
  extensionsOf(type: string): number[] | undefined;
}

/** Numbers of fields in google/protobuf/descriptor.proto. */
const FILE = { name: 1, package: 2, dependency: 3, message: 4, enumeration: 5, service: 6, extension: 7 };
const MESSAGE = { name: 1, field: 2, nested: 3, enumeration: 4, extension: 6, oneof: 8 };
const NAMED = { name: 1, member: 2 };
const FIELD = { name: 1, extendee: 2, number: 3 };

interface Definitions {
  symbols: Map<string, string>;
  extensions: Map<string, Map<number, string>>;
}

export function indexDescriptors(set: Uint8Array): DescriptorIndex {
  const files = new Map<string, { bytes: Uint8Array; imports: string[] }>();
  const definitions: Definitions = { symbols: new Map(), extensions: new Map() };
  for (const bytes of messagesOf(readProto(set) ?? [], 1)) {
    const fields = readProto(bytes);
    const [name] = fields === undefined ? [] : textsOf(fields, FILE.name);
    if (fields === undefined || name === undefined || files.has(name)) continue;
    files.set(name, { bytes, imports: textsOf(fields, FILE.dependency) });
    defineFile(definitions, fields, name);
  }
  const { symbols, extensions } = definitions;
  return {
    byName(file) {
      if (!files.has(file)) return undefined;
      const names = new Set([file]);
      for (const name of names)
        for (const imported of files.get(name)?.imports ?? []) if (files.has(imported)) names.add(imported);
      return [...names].flatMap((name) => files.get(name)?.bytes ?? []);
    },
    fileOf: (symbol) => symbols.get(symbol),
    fileOfExtension: (type, number) => extensions.get(type)?.get(number),
    extensionsOf: (type) =>
      symbols.has(type) || extensions.has(type) ? [...(extensions.get(type)?.keys() ?? [])] : undefined,
  };
}

function defineFile(definitions: Definitions, fields: readonly ProtoField[], file: string): void {
  const [name = ""] = textsOf(fields, FILE.package);
  const scope = name === "" ? "" : `${name}.`;
  for (const message of messagesOf(fields, FILE.message)) defineMessage(definitions, message, scope, file, 0);
  for (const one of messagesOf(fields, FILE.enumeration))
    defineNamed(definitions, one, { scope, file, isEnum: true });
  for (const one of messagesOf(fields, FILE.service))
    defineNamed(definitions, one, { scope, file, isEnum: false });
  for (const one of messagesOf(fields, FILE.extension)) defineExtension(definitions, one, scope, file);
}

/** Upper bound of messages in messages. */
const MAX_DEPTH = 100;

function defineMessage(
  definitions: Definitions,
  bytes: Uint8Array,
  scope: string,
  file: string,
  depth: number,
): void {
  const fields = readProto(bytes);
  const [name] = fields === undefined ? [] : textsOf(fields, MESSAGE.name);
  if (fields === undefined || name === undefined || depth > MAX_DEPTH) return;
  const inner = `${scope}${name}.`;
  definitions.symbols.set(scope + name, file);
  for (const number of [MESSAGE.field, MESSAGE.oneof])
    for (const member of messagesOf(fields, number)) defineMember(definitions, member, inner, file);
  for (const nested of messagesOf(fields, MESSAGE.nested))
    defineMessage(definitions, nested, inner, file, depth + 1);
  for (const one of messagesOf(fields, MESSAGE.enumeration))
    defineNamed(definitions, one, { scope: inner, file, isEnum: true });
  for (const one of messagesOf(fields, MESSAGE.extension)) defineExtension(definitions, one, inner, file);
}

/** A service with its methods, or an enum with its values. The values of an enum are names beside it. */
function defineNamed(
  definitions: Definitions,
  bytes: Uint8Array,
  { scope, file, isEnum }: { scope: string; file: string; isEnum: boolean },
): void {
  const fields = readProto(bytes) ?? [];
  const [name] = textsOf(fields, NAMED.name);
  if (name === undefined) return;
  definitions.symbols.set(scope + name, file);
  const inner = isEnum ? scope : `${scope}${name}.`;
  for (const member of messagesOf(fields, NAMED.member)) defineMember(definitions, member, inner, file);
}

function defineMember({ symbols }: Definitions, bytes: Uint8Array, scope: string, file: string): void {
  const [name] = textsOf(readProto(bytes) ?? [], NAMED.name);
  if (name !== undefined) symbols.set(scope + name, file);
}

function defineExtension(definitions: Definitions, bytes: Uint8Array, scope: string, file: string): void {
  const fields = readProto(bytes) ?? [];
  const [name] = textsOf(fields, FIELD.name);
  const [extendee] = textsOf(fields, FIELD.extendee);
  const number = fields.find((field) => field.number === FIELD.number)?.value;
  if (name === undefined || extendee === undefined || number === undefined) return;
  definitions.symbols.set(scope + name, file);
  const type = extendee.replace(/^\./, "");
  const known = definitions.extensions.get(type) ?? new Map<number, string>();
  definitions.extensions.set(type, known.set(number, file));
}
