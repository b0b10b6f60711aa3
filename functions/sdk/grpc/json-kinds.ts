/** The kinds of JSON that fields and messages of Protobuf have (protobuf.dev, "ProtoJSON Format"). Undefined: any kind. */
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";

export type Kind = "string" | "number" | "boolean" | "array" | "object" | "null";

/** Types of google.protobuf whose JSON is no object. */
const WELL_KNOWN: Readonly<Record<string, readonly Kind[] | undefined>> = {
  Timestamp: ["string"],
  Duration: ["string"],
  FieldMask: ["string"],
  StringValue: ["string"],
  BytesValue: ["string"],
  BoolValue: ["boolean"],
  DoubleValue: ["number"],
  FloatValue: ["number"],
  Int32Value: ["number"],
  UInt32Value: ["number"],
  Int64Value: ["string", "number"],
  UInt64Value: ["string", "number"],
  ListValue: ["array"],
  Value: undefined,
};
const PREFIX = "google.protobuf.";

export function kindsOfMessage({ typeName }: DescMessage): readonly Kind[] | undefined {
  const name = typeName.startsWith(PREFIX) ? typeName.slice(PREFIX.length) : "";
  return Object.hasOwn(WELL_KNOWN, name) ? WELL_KNOWN[name] : ["object"];
}

export function kindsOfField(field: DescField): readonly Kind[] | undefined {
  if (field.fieldKind === "list") return ["array"];
  if (field.fieldKind === "map") return ["object"];
  return kindsOfElement(field);
}

/** The kinds of one element of a field that repeats. */
export function kindsOfElement(field: DescField): readonly Kind[] | undefined {
  if (field.message !== undefined) return kindsOfMessage(field.message);
  if (field.enum !== undefined)
    return field.enum.typeName === "google.protobuf.NullValue" ? ["null"] : ["string"];
  return kindsOfScalar(field.scalar);
}

function kindsOfScalar(scalar: ScalarType | undefined): readonly Kind[] {
  if (scalar === ScalarType.STRING || scalar === ScalarType.BYTES) return ["string"];
  if (scalar === ScalarType.BOOL) return ["boolean"];
  return isWide(scalar) ? ["string", "number"] : ["number"];
}

/** Integers of 64 bits: texts in JSON. */
export function isWide(scalar: ScalarType | undefined): boolean {
  return scalar !== undefined && WIDE.has(scalar);
}

const WIDE: ReadonlySet<ScalarType> = new Set([
  ...[ScalarType.INT64, ScalarType.UINT64, ScalarType.FIXED64],
  ...[ScalarType.SFIXED64, ScalarType.SINT64],
]);
