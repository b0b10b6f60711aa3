import { create } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  type FieldDescriptorProto,
  FieldDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  MessageOptionsSchema,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import { type ParseScope, scopeOf } from "./parse-scope.ts";
import { ProtoError } from "./proto-error.ts";
import type { Token } from "./tokens.ts";

export const MAX_FIELD_NUMBER = 536_870_911;

const SCALARS: Record<string, Type> = {
  double: Type.DOUBLE,
  float: Type.FLOAT,
  int64: Type.INT64,
  uint64: Type.UINT64,
  int32: Type.INT32,
  fixed64: Type.FIXED64,
  fixed32: Type.FIXED32,
  bool: Type.BOOL,
  string: Type.STRING,
  bytes: Type.BYTES,
  uint32: Type.UINT32,
  sfixed32: Type.SFIXED32,
  sfixed64: Type.SFIXED64,
  sint32: Type.SINT32,
  sint64: Type.SINT64,
};

/** Where a field is declared. */
export interface FieldPlace {
  readonly fields: FieldDescriptorProto[];
  /** The messages beside it: its group, or the entries of its map. */
  readonly messages: DescriptorProto[];
  readonly scope: string;
  readonly depth: number;
  readonly oneofIndex?: number;
  readonly isExtension?: boolean;
  /** Reads the rest of a group, which is a message. */
  readonly parseBody: (file: ParseScope, message: DescriptorProto, scope: string, depth: number) => void;
}

export function parseField(file: ParseScope, place: FieldPlace): void {
  const { reader } = file;
  const field = create(FieldDescriptorProtoSchema, { label: Label.OPTIONAL });
  parseLabel(file, field, place);
  if (place.oneofIndex !== undefined) field.oneofIndex = place.oneofIndex;
  if (reader.is("group") && !reader.isThen(".")) {
    parseGroup(file, field, place);
    return;
  }
  parseType(file, field, place.scope);
  const token = reader.name("the name of the field");
  finishField(file, field, token, place);
}

function parseLabel(file: ParseScope, field: FieldDescriptorProto, place: FieldPlace): void {
  const { reader } = file;
  const token = reader.next;
  const isLabel = /^(?:optional|required|repeated)$/.test(token.text) && !reader.isThen(".");
  if (!isLabel) {
    const needsLabel = !file.isProto3 && !file.isEditions && place.oneofIndex === undefined;
    if (!needsLabel) return;
    throw new ProtoError(
      token,
      "a field of proto2 needs a label",
      "write optional, repeated or required before its type",
    );
  }
  if (place.oneofIndex !== undefined) {
    throw new ProtoError(token, `a field of a oneof cannot be ${token.text}`, `remove ${token.text}`);
  }
  reader.take();
  if (token.text === "repeated") field.label = Label.REPEATED;
  else if (file.isEditions) {
    const feature = token.text === "required" ? "LEGACY_REQUIRED" : "EXPLICIT";
    throw new ProtoError(
      token,
      `editions have no ${token.text}`,
      `write [features.field_presence = ${feature}] behind the field`,
    );
  } else if (token.text === "optional") {
    if (file.isProto3 && place.isExtension !== true) field.proto3Optional = true;
  } else if (file.isProto3) throw new ProtoError(token, "proto3 has no required fields", "remove required");
  else field.label = Label.REQUIRED;
}

function parseType(file: ParseScope, field: FieldDescriptorProto, scope: string): void {
  const { reader } = file;
  const scalar = reader.isThen(".") ? undefined : scalarOf(reader.next.text);
  if (scalar !== undefined) {
    reader.take();
    field.type = scalar;
    return;
  }
  file.typeReference(scope, "type", (name, kind) => {
    field.typeName = name;
    field.type = kind === "enum" ? Type.ENUM : Type.MESSAGE;
  });
}

function scalarOf(name: string): Type | undefined {
  return Object.hasOwn(SCALARS, name) ? SCALARS[name] : undefined;
}

function finishField(file: ParseScope, field: FieldDescriptorProto, token: Token, place: FieldPlace): void {
  const { reader } = file;
  field.name = token.text;
  field.jsonName = jsonNameOf(token.text);
  file.note(field, token);
  reader.expect("=", `the field ${token.text}`);
  field.number = parseNumber(file);
  file.bracketOptions("field", field, place.scope);
  reader.expect(";", `the field ${token.text}`);
  place.fields.push(field);
}

function parseNumber({ reader }: ParseScope): number {
  const place = reader.next;
  const number = reader.integer("the number of a field", 1, MAX_FIELD_NUMBER);
  if (number < 19_000 || number > 19_999) return number;
  throw new ProtoError(place, `${number} belongs to Protobuf itself`, "take a number outside 19000 to 19999");
}

/** The name in JSON: an underscore makes the next letter upper-case. */
function jsonNameOf(name: string): string {
  return name.replace(/_+(.?)/g, (_, next: string) => next.toUpperCase());
}

/** A group is a message and a field of it. */
function parseGroup(file: ParseScope, field: FieldDescriptorProto, place: FieldPlace): void {
  const { reader } = file;
  const keyword = reader.take();
  if (file.isProto3 || file.isEditions) {
    throw new ProtoError(keyword, "only proto2 has groups", "write a message and a field of its type");
  }
  const token = reader.name("the name of the group");
  const type = create(DescriptorProtoSchema, { name: token.text });
  file.note(type, token);
  field.name = token.text.toLowerCase();
  field.jsonName = jsonNameOf(field.name);
  field.type = Type.GROUP;
  field.typeName = `.${scopeOf(place.scope, token.text)}`;
  file.note(field, token);
  reader.expect("=", "the name of the group");
  field.number = parseNumber(file);
  file.bracketOptions("field", field, place.scope);
  reader.expect("{", "the group");
  place.parseBody(file, type, scopeOf(place.scope, token.text), place.depth + 1);
  place.messages.push(type);
  place.fields.push(field);
}

/** `map<K, V> name = 1;` is a repeated message with a key and a value. */
export function parseMapField(file: ParseScope, place: FieldPlace): void {
  const { reader } = file;
  reader.take();
  reader.expect("<", "map");
  const keyToken = reader.next;
  const keyType = scalarOf(reader.name("the type of the keys").text);
  if (keyType === undefined || /^(?:float|double|bytes)$/.test(keyToken.text)) {
    throw new ProtoError(
      keyToken,
      `a map has no keys of ${keyToken.text}`,
      "take an integer, bool or string",
    );
  }
  reader.expect(",", "the type of the keys");
  const key = create(FieldDescriptorProtoSchema, {
    name: "key",
    jsonName: "key",
    number: 1,
    label: Label.OPTIONAL,
    type: keyType,
  });
  const value = create(FieldDescriptorProtoSchema, {
    name: "value",
    jsonName: "value",
    number: 2,
    label: Label.OPTIONAL,
  });
  parseType(file, value, place.scope);
  reader.expect(">", "the type of the values");
  const token = reader.name("the name of the map");
  const entryName = `${capitalized(token.text)}Entry`;
  const field = create(FieldDescriptorProtoSchema, {
    label: Label.REPEATED,
    type: Type.MESSAGE,
    typeName: `.${scopeOf(place.scope, entryName)}`,
  });
  const options = create(MessageOptionsSchema, { mapEntry: true });
  const entry = create(DescriptorProtoSchema, { name: entryName, field: [key, value], options });
  file.note(entry, token);
  place.messages.push(entry);
  finishField(file, field, token, place);
}

function capitalized(name: string): string {
  const camel = jsonNameOf(name);
  return camel.charAt(0).toUpperCase() + camel.slice(1);
}
