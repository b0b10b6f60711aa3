/** The names that files define, and their look-up from a scope. */
import type { DescriptorProto, EnumDescriptorProto, FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import { nearest } from "../../contracts/index.ts";
import { scopeOf } from "./parse-scope.ts";
import { ProtoError, type ProtoPlace } from "./proto-error.ts";

export type SymbolKind =
  | "message"
  | "enum"
  | "value"
  | "service"
  | "method"
  | "field"
  | "extension"
  | "oneof"
  | "package";

export interface Definition {
  readonly kind: SymbolKind;
  /** The name of the defining file. A package has none. */
  readonly file: string | undefined;
  readonly place: ProtoPlace | undefined;
}

export class Symbols {
  readonly #known = new Map<string, Definition>();

  /** Adds the names of a file. Error: ProtoError, for a name that exists. */
  addFile(file: FileDescriptorProto, placeOf: (part: object) => ProtoPlace | undefined): void {
    const add = (name: string, kind: SymbolKind, part: object) =>
      this.#add(name, { kind, file: file.name, place: placeOf(part) });
    const scope = file.package;
    for (let name = scope; name !== ""; name = name.slice(0, Math.max(0, name.lastIndexOf(".")))) {
      this.#add(name, { kind: "package", file: undefined, place: undefined });
    }
    for (const enumType of file.enumType) addEnum(add, scope, enumType);
    for (const message of file.messageType) addMessage(add, scope, message);
    for (const extension of file.extension) add(scopeOf(scope, extension.name), "extension", extension);
    for (const service of file.service) {
      const name = scopeOf(scope, service.name);
      add(name, "service", service);
      for (const method of service.method) add(scopeOf(name, method.name), "method", method);
    }
  }

  #add(name: string, definition: Definition): void {
    const known = this.#known.get(name);
    if (known === undefined) this.#known.set(name, definition);
    else if (known.kind !== "package" || definition.kind !== "package")
      throw doubled(name, known, definition);
  }

  get(name: string): Definition | undefined {
    return this.#known.get(name);
  }

  /** The full name of a name as written: the innermost scope that has it counts. */
  find(name: string, scope: string, isWanted: (definition: Definition) => boolean): string | undefined {
    if (name.startsWith(".")) {
      const found = this.#known.get(name.slice(1));
      return found !== undefined && isWanted(found) ? name.slice(1) : undefined;
    }
    for (let outer = scope; ; outer = outer.slice(0, Math.max(0, outer.lastIndexOf(".")))) {
      const full = scopeOf(outer, name);
      const found = this.#known.get(full);
      if (found !== undefined && isWanted(found)) return full;
      if (outer === "") return undefined;
    }
  }

  /** The nearest known name of a kind, without its package. */
  near(name: string, isWanted: (definition: Definition) => boolean): string | undefined {
    const last = name.slice(name.lastIndexOf(".") + 1);
    const names = [...this.#known].flatMap(([known, definition]) => (isWanted(definition) ? [known] : []));
    const same = names.find((known) => known.endsWith(`.${last}`));
    if (same !== undefined) return same;
    return nearest(
      last,
      names.map((known) => known.slice(known.lastIndexOf(".") + 1)),
    );
  }
}

type Add = (name: string, kind: SymbolKind, part: object) => void;

function addMessage(add: Add, scope: string, message: DescriptorProto): void {
  const name = scopeOf(scope, message.name);
  add(name, "message", message);
  for (const nested of message.nestedType) addMessage(add, name, nested);
  for (const enumType of message.enumType) addEnum(add, name, enumType);
  for (const field of message.field) add(scopeOf(name, field.name), "field", field);
  for (const oneof of message.oneofDecl) add(scopeOf(name, oneof.name), "oneof", oneof);
  for (const extension of message.extension) add(scopeOf(name, extension.name), "extension", extension);
}

/** The values of an enum are beside it, not in it. */
function addEnum(add: Add, scope: string, type: EnumDescriptorProto): void {
  add(scopeOf(scope, type.name), "enum", type);
  for (const value of type.value) add(scopeOf(scope, value.name), "value", value);
}

function doubled(name: string, known: Definition, again: Definition): Error {
  const place = again.place ?? known.place;
  const message = `${name} is defined twice`;
  if (place === undefined) return new Error(message);
  const at =
    known.place === undefined
      ? (known.file ?? "another file")
      : `${known.place.source.name}:${known.place.line}`;
  const hint =
    again.kind === "value"
      ? `the values of enums share the scope of their enum; the other one is in ${at}: put the enum's name before it`
      : `the other one is in ${at}: rename one of them`;
  return new ProtoError(place, message, hint);
}
