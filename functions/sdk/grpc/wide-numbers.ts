/** Integers of 64 bits are texts in the JSON of Protobuf. An action whose schema has numbers gets numbers. */
import type { DescField, DescMessage, JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { JsonSchema } from "../service/description.ts";
import { resolveReference } from "./fit.ts";
import { isWide } from "./json-kinds.ts";

/** Changes `json`, the form of a message. */
export function withNumbers(message: DescMessage, json: JsonValue, schema: JsonSchema): JsonValue {
  change(message, json, schema, schema);
  return json;
}

function change(
  message: DescMessage,
  json: JsonValue,
  given: JsonSchema | undefined,
  root: JsonSchema,
): void {
  if (given === undefined || !isObject(json)) return;
  const { properties } = resolveReference(given, root) as { properties?: Record<string, JsonSchema> };
  if (properties === undefined) return;
  for (const field of message.fields) {
    const name = field.jsonName;
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    const value = Object.hasOwn(json, name) ? json[name] : undefined;
    if (property !== undefined && value !== undefined) json[name] = changed(field, value, property, root);
  }
}

function changed(field: DescField, value: JsonValue, given: JsonSchema, root: JsonSchema): JsonValue {
  const schema = resolveReference(given, root);
  const items = (schema.items ?? {}) as JsonSchema;
  if (field.fieldKind === "list" && Array.isArray(value))
    return value.map((one) => {
      if (field.message === undefined) return isWide(field.scalar) ? numberOf(one, items, root) : one;
      change(field.message, one, items, root);
      return one;
    });
  if (field.fieldKind === "message") change(field.message, value, schema, root);
  return field.fieldKind === "scalar" && isWide(field.scalar) ? numberOf(value, schema, root) : value;
}

/** An integer that no number holds stays a text: the schema refuses it, and names the field. */
function numberOf(value: JsonValue, given: JsonSchema, root: JsonSchema): JsonValue {
  const schema = resolveReference(given, root);
  const options = (schema.anyOf ?? schema.oneOf ?? [schema]) as JsonSchema[];
  const types = options.flatMap((one) => resolveReference(one, root).type);
  const isNumber = types.includes("number") || types.includes("integer");
  const number = Number(value);
  return isNumber && !types.includes("string") && Number.isSafeInteger(number) ? number : value;
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
