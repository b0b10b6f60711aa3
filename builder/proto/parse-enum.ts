import { create } from "@bufbuild/protobuf";
import {
  type EnumDescriptorProto,
  EnumDescriptorProto_EnumReservedRangeSchema,
  EnumDescriptorProtoSchema,
  EnumValueDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { type ParseScope, scopeOf } from "./parse-scope.ts";
import { ProtoError } from "./proto-error.ts";

const MIN_INT32 = -2_147_483_648;
const MAX_INT32 = 2_147_483_647;

export function parseEnum(file: ParseScope, outer: string): EnumDescriptorProto {
  const { reader } = file;
  reader.take();
  const token = reader.name("the name of the enum");
  const type = create(EnumDescriptorProtoSchema, { name: token.text });
  file.note(type, token);
  const scope = scopeOf(outer, token.text);
  reader.expect("{", "the name of the enum");
  while (!reader.takeIf("}")) {
    if (reader.takeIf(";")) continue;
    if (reader.is("option") && !reader.isThen("=")) file.option("enum", type, scope);
    else if (reader.is("reserved") && !reader.isThen("=")) parseReserved(file, type);
    else parseValue(file, type, scope);
  }
  if (type.value.length === 0) {
    throw new ProtoError(
      token,
      `the enum ${token.text} has no values`,
      `add one: ${token.text.toUpperCase()}_UNSPECIFIED = 0;`,
    );
  }
  return type;
}

function parseValue(file: ParseScope, type: EnumDescriptorProto, scope: string): void {
  const { reader } = file;
  const token = reader.name("the name of a value");
  const value = create(EnumValueDescriptorProtoSchema, { name: token.text });
  file.note(value, token);
  reader.expect("=", "the name of the value");
  value.number = reader.integer("the number of a value", MIN_INT32, MAX_INT32);
  file.bracketOptions("enumValue", value, scope);
  reader.expect(";", "the value");
  if (type.value.length === 0 && file.isProto3 && value.number !== 0) {
    throw new ProtoError(
      token,
      `the first value of an enum is 0 in proto3, not ${value.number}`,
      `put a value such as ${type.name.toUpperCase()}_UNSPECIFIED = 0; before it`,
    );
  }
  type.value.push(value);
}

function parseReserved({ reader }: ParseScope, type: EnumDescriptorProto): void {
  reader.take();
  do {
    if (reader.next.kind === "text")
      type.reservedName.push(Buffer.from(reader.text("a name").bytes).toString());
    else if (reader.next.kind === "name") type.reservedName.push(reader.take().text);
    else {
      const start = reader.integer("a reserved number", MIN_INT32, MAX_INT32);
      const isOpen = reader.takeIf("to") && reader.takeIf("max");
      const end = isOpen
        ? MAX_INT32
        : reader.next.kind === "integer" || reader.is("-")
          ? reader.integer("a reserved number", start, MAX_INT32)
          : start;
      // The end of a reserved range of an enum is part of it.
      type.reservedRange.push(create(EnumDescriptorProto_EnumReservedRangeSchema, { start, end }));
    }
  } while (reader.takeIf(","));
  reader.expect(";", "the reserved numbers");
}
