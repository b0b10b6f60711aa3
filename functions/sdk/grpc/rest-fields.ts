/** Fields of a message that a path or a query names, as JSON of Protobuf's mapping. */
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { GrpcError } from "./grpc-error.ts";

export type Json = Record<string, unknown>;

/** Sets a field by its name with dots. Error: INVALID_ARGUMENT, for a name that the message does not have. */
export function setField(json: Json, schema: DescMessage, name: string, texts: readonly string[]): void {
  const [first = "", ...rest] = name.split(".");
  const field = schema.fields.find((one) => one.name === first || one.jsonName === first);
  if (field === undefined) throw unknownField(schema, name);
  if (rest.length === 0) {
    json[field.jsonName] = fieldValue(field, name, texts);
    return;
  }
  if (field.fieldKind !== "message") throw unknownField(schema, name);
  const inner = isJson(json[field.jsonName]) ? (json[field.jsonName] as Json) : {};
  json[field.jsonName] = inner;
  setField(inner, field.message, rest.join("."), texts);
}

export function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unknownField({ typeName, fields }: DescMessage, name: string): GrpcError {
  const known = fields.map((one) => one.jsonName).join(", ");
  return new GrpcError(
    "INVALID_ARGUMENT",
    `${typeName} has no field ${JSON.stringify(name)}; it has ${known}`,
  );
}

function fieldValue(field: DescField, name: string, texts: readonly string[]): unknown {
  if (field.fieldKind === "list") {
    const { listKind } = field;
    if (listKind === "scalar") return texts.map((text) => scalarOf(field.scalar, name, text));
    return texts.map((text) => (listKind === "enum" ? enumOf(text) : wellKnownOf(field.message, name, text)));
  }
  const text = texts.at(-1) ?? "";
  if (field.fieldKind === "scalar") return scalarOf(field.scalar, name, text);
  if (field.fieldKind === "enum") return enumOf(text);
  if (field.fieldKind === "message") return wellKnownOf(field.message, name, text);
  throw new GrpcError("INVALID_ARGUMENT", `${name} is a map: it cannot be in a path or a query`);
}

function scalarOf(type: ScalarType, name: string, text: string): unknown {
  if (type !== ScalarType.BOOL) return text;
  if (text === "true" || text === "false") return text === "true";
  throw new GrpcError("INVALID_ARGUMENT", `${name} is true or false, not ${JSON.stringify(text)}`);
}

/** An enum's value by its name or its number. */
function enumOf(text: string): string | number {
  return /^-?\d{1,10}$/.test(text) ? Number(text) : text;
}

/** Types whose JSON is one value. */
const ONE_VALUE = /^google\.protobuf\.(?:Timestamp|Duration|FieldMask|\w+Value)$/;

function wellKnownOf(schema: DescMessage, name: string, text: string): unknown {
  if (!ONE_VALUE.test(schema.typeName)) {
    throw new GrpcError(
      "INVALID_ARGUMENT",
      `${name} is a message: name one of its fields, as in ${name}.field`,
    );
  }
  const [only] = schema.fields;
  const isWrapper = schema.typeName.endsWith("Value") && only?.fieldKind === "scalar";
  return isWrapper ? scalarOf(only.scalar, name, text) : text;
}
