import { create } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  DescriptorProto_ExtensionRangeSchema,
  DescriptorProto_ReservedRangeSchema,
  DescriptorProtoSchema,
  type FieldDescriptorProto,
  OneofDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { parseEnum } from "./parse-enum.ts";
import { type FieldPlace, MAX_FIELD_NUMBER, parseField, parseMapField } from "./parse-field.ts";
import { MAX_DEPTH, tooDeep } from "./parse-option.ts";
import { type ParseScope, scopeOf } from "./parse-scope.ts";
import { ProtoError } from "./proto-error.ts";

export function parseMessageType(file: ParseScope, outer: string, depth: number): DescriptorProto {
  const { reader } = file;
  reader.take();
  const token = reader.name("the name of the message");
  if (depth > MAX_DEPTH) throw tooDeep(token);
  const message = create(DescriptorProtoSchema, { name: token.text });
  file.note(message, token);
  reader.expect("{", "the name of the message");
  parseBody(file, message, scopeOf(outer, token.text), depth);
  return message;
}

/** The rest of a message behind its brace. Groups are messages, too. */
function parseBody(file: ParseScope, message: DescriptorProto, scope: string, depth: number): void {
  const { reader } = file;
  while (!reader.takeIf("}")) if (!reader.takeIf(";")) parseMember(file, message, scope, depth);
  addSyntheticOneofs(message);
}

function parseMember(file: ParseScope, message: DescriptorProto, scope: string, depth: number): void {
  const { reader } = file;
  const place: FieldPlace = { fields: message.field, messages: message.nestedType, scope, depth, parseBody };
  switch (reader.next.text) {
    case "message":
      if (!reader.isThen(".")) return void message.nestedType.push(parseMessageType(file, scope, depth + 1));
      break;
    case "enum":
      if (!reader.isThen(".")) return void message.enumType.push(parseEnum(file, scope));
      break;
    case "option":
      if (!reader.isThen(".")) {
        file.option("message", message, scope);
        return;
      }
      break;
    case "extend":
      if (!reader.isThen(".")) {
        parseExtend(file, scope, message.extension, message.nestedType, depth);
        return;
      }
      break;
    case "oneof":
      if (!reader.isThen(".")) {
        parseOneof(file, message, place);
        return;
      }
      break;
    case "map":
      if (reader.isThen("<")) {
        parseMapField(file, place);
        return;
      }
      break;
    case "reserved":
      if (!reader.isThen(".")) {
        parseReserved(file, message);
        return;
      }
      break;
    case "extensions":
      if (!reader.isThen(".")) {
        parseExtensions(file, message, scope);
        return;
      }
      break;
    default:
  }
  parseField(file, place);
}

function parseOneof(file: ParseScope, message: DescriptorProto, place: FieldPlace): void {
  const { reader } = file;
  reader.take();
  const token = reader.name("the name of the oneof");
  const oneof = create(OneofDescriptorProtoSchema, { name: token.text });
  file.note(oneof, token);
  const oneofIndex = message.oneofDecl.push(oneof) - 1;
  const before = message.field.length;
  reader.expect("{", "the name of the oneof");
  while (!reader.takeIf("}")) {
    if (reader.takeIf(";")) continue;
    if (reader.is("option") && !reader.isThen(".")) file.option("oneof", oneof, place.scope);
    else parseField(file, { ...place, oneofIndex });
  }
  if (message.field.length === before) {
    throw new ProtoError(token, `the oneof ${token.text} has no fields`, "add a field, or remove it");
  }
}

/** `optional` in proto3 is a oneof of one field, behind the written ones. */
function addSyntheticOneofs(message: DescriptorProto): void {
  const names = new Set([...message.oneofDecl, ...message.field].map(({ name }) => name));
  for (const field of message.field) {
    if (!field.proto3Optional) continue;
    let name = `_${field.name}`;
    while (names.has(name)) name = `X${name}`;
    names.add(name);
    field.oneofIndex = message.oneofDecl.push(create(OneofDescriptorProtoSchema, { name })) - 1;
  }
}

export function parseExtend(
  file: ParseScope,
  scope: string,
  fields: FieldDescriptorProto[],
  messages: DescriptorProto[],
  depth = 0,
): void {
  const { reader } = file;
  reader.take();
  const extended: FieldDescriptorProto[] = [];
  file.typeReference(scope, "message", (name) => {
    for (const field of extended) field.extendee = name;
  });
  reader.expect("{", "the extended message");
  while (!reader.takeIf("}")) {
    if (!reader.takeIf(";"))
      parseField(file, { fields: extended, messages, scope, depth, isExtension: true, parseBody });
  }
  fields.push(...extended);
}

function parseReserved({ reader }: ParseScope, message: DescriptorProto): void {
  reader.take();
  do {
    if (reader.next.kind === "text")
      message.reservedName.push(Buffer.from(reader.text("a name").bytes).toString());
    else if (reader.next.kind === "name") message.reservedName.push(reader.take().text);
    else message.reservedRange.push(create(DescriptorProto_ReservedRangeSchema, parseRange(reader)));
  } while (reader.takeIf(","));
  reader.expect(";", "the reserved numbers");
}

function parseExtensions(file: ParseScope, message: DescriptorProto, scope: string): void {
  const { reader } = file;
  const keyword = reader.take();
  if (file.isProto3) {
    throw new ProtoError(keyword, "proto3 has no extensions", "use google.protobuf.Any, or proto2");
  }
  const ranges = [];
  do ranges.push(create(DescriptorProto_ExtensionRangeSchema, parseRange(reader)));
  while (reader.takeIf(","));
  const [first] = ranges;
  if (first !== undefined) file.bracketOptions("range", first, scope);
  reader.expect(";", "the extension numbers");
  for (const range of ranges) if (first?.options !== undefined) range.options = first.options;
  message.extensionRange.push(...ranges);
}

/** The end of a range of a message is not part of it. */
function parseRange(reader: ParseScope["reader"]): { start: number; end: number } {
  const start = reader.integer("the number of a field", 1, MAX_FIELD_NUMBER);
  if (!reader.takeIf("to")) return { start, end: start + 1 };
  if (reader.takeIf("max")) return { start, end: MAX_FIELD_NUMBER + 1 };
  return { start, end: reader.integer("the end of the range", start, MAX_FIELD_NUMBER) + 1 };
}
