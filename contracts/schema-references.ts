/** Moves a JSON Schema into a larger document: its references to itself are references of a document of its own. */
import type { JsonSchema } from "./service-description.ts";

/** Keywords whose values are data, not schemas. */
const DATA = new Set(["const", "enum", "default", "examples", "example"]);
/** Keywords whose values are schemas by names of the author's. */
const NAMED = new Set(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"]);

/**
 * The schema as it stands at `place`, a JSON pointer with `#` before it: `#/components/schemas/orders.pay.input`. A schema with an
 * `$id` is a document of its own, and keeps its references. `$schema` is left out: the document has one dialect.
 */
export function placeSchema({ $schema, ...schema }: JsonSchema, place: string): JsonSchema {
  return schema.$id === undefined ? moved(schema, place) : schema;
}

function moved(schema: JsonSchema, place: string): JsonSchema {
  return Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => [keyword, movedValue(keyword, value, place)]),
  );
}

function movedValue(keyword: string, value: JsonSchema[string], place: string): JsonSchema[string] {
  if (DATA.has(keyword)) return value;
  const isReference = keyword === "$ref" || keyword === "$dynamicRef";
  if (isReference && typeof value === "string" && value.startsWith("#")) return place + value.slice(1);
  if (Array.isArray(value)) return value.map((one) => (isSchema(one) ? moved(one, place) : one));
  if (!isSchema(value)) return value;
  if (!NAMED.has(keyword)) return moved(value, place);
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, isSchema(one) ? moved(one, place) : one]),
  );
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
