/**
 * Whether the messages of a method fit the schemas of an action, by the JSON mapping of Protobuf.
 *
 * F1  Each key that the input requires is a field of the method's message, and the input drops no field.
 * F2  An answer of the action must be able to become a message: each key of the output is a field of the same kind.
 */
import type { DescField, DescMessage } from "@bufbuild/protobuf";
import type { JsonSchema } from "../service/description.ts";
import { type Kind, kindsOfElement, kindsOfField, kindsOfMessage } from "./json-kinds.ts";

export interface FitProblem {
  /** The keys down to it. */
  path: string;
  why: string;
}

type Side = "input" | "output";

/** Upper bound of the nesting that is compared: messages and schemas may contain themselves. */
const MAX_DEPTH = 16;

/** The first problem of a message beside a schema; undefined where they fit. */
export function findMisfit(
  message: DescMessage,
  schema: JsonSchema | undefined,
  side: Side,
): FitProblem | undefined {
  if (schema === undefined) return undefined;
  return compareMessage(message, schema, { root: schema, side, path: "", depth: 0 });
}

interface Place {
  root: JsonSchema;
  side: Side;
  path: string;
  depth: number;
}

function compareMessage(message: DescMessage, given: JsonSchema, place: Place): FitProblem | undefined {
  if (place.depth > MAX_DEPTH) return undefined;
  const kinds = kindsOfMessage(message);
  return firstFit(given, place, (schema) => {
    const wrong = compareKinds(kinds, schema, message.typeName, place);
    if (wrong !== undefined) return wrong;
    const { properties } = schema as { properties?: Record<string, JsonSchema> };
    if (properties === undefined || kinds === undefined || !message.fields.length) return undefined;
    if (message.typeName.startsWith("google.protobuf.")) return undefined;
    return compareFields(message, schema, properties, place);
  });
}

function compareFields(
  message: DescMessage,
  schema: JsonSchema,
  properties: Record<string, JsonSchema>,
  place: Place,
): FitProblem | undefined {
  const fields = new Map(message.fields.map((field) => [field.jsonName, field]));
  const at = (key: string) => (place.path === "" ? key : `${place.path}.${key}`);
  const required = Array.isArray(schema.required) ? (schema.required as string[]) : [];
  for (const key of place.side === "input" ? required : Object.keys(properties))
    if (!fields.has(key)) return { path: at(key), why: `${message.typeName} has no such field` };
  for (const [key, field] of fields) {
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (property === undefined) {
      const isDropped = place.side === "input" && !schema.additionalProperties;
      if (isDropped)
        return { path: at(key), why: `it is a field of ${message.typeName}, and no key of the schema` };
      continue;
    }
    const wrong = compareField(field, property, { ...place, path: at(key), depth: place.depth + 1 });
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function compareField(field: DescField, property: JsonSchema, place: Place): FitProblem | undefined {
  if (field.fieldKind === "message") return compareMessage(field.message, property, place);
  const name = `the field ${field.name}`;
  return firstFit(property, place, (schema) => {
    const wrong = compareKinds(kindsOfField(field), schema, name, place);
    const items = schema.items as JsonSchema | undefined;
    if (wrong !== undefined || field.fieldKind !== "list" || items === undefined) return wrong;
    const inner = { ...place, path: `${place.path}[]`, depth: place.depth + 1 };
    if (field.listKind === "message") return compareMessage(field.message, items, inner);
    return firstFit(items, inner, (item) => compareKinds(kindsOfElement(field), item, name, inner));
  });
}

/** One of the alternatives must fit. The result is the problem of the last one. */
function firstFit(
  given: JsonSchema,
  place: Place,
  compare: (schema: JsonSchema) => FitProblem | undefined,
): FitProblem | undefined {
  let problem: FitProblem | undefined;
  for (const one of alternativesOf(given, place.root)) {
    problem = compare(one);
    if (problem === undefined) return undefined;
  }
  return problem;
}

function alternativesOf(given: JsonSchema, root: JsonSchema, depth = 0): JsonSchema[] {
  const schema = resolveReference(given, root);
  const options = (schema.anyOf ?? schema.oneOf) as JsonSchema[] | undefined;
  if (!Array.isArray(options) || depth > MAX_DEPTH) return [schema];
  return options.flatMap((one) => alternativesOf(one, root, depth + 1)).filter(({ type }) => type !== "null");
}

/** `#/$defs/Order`, and `#`. A reference that leads nowhere takes anything. */
export function resolveReference(schema: JsonSchema, root: JsonSchema): JsonSchema {
  let found: unknown = schema;
  for (let hops = 0; hops < MAX_DEPTH; hops++) {
    const { $ref } = (found ?? {}) as { $ref?: unknown };
    if (typeof $ref !== "string") break;
    found = $ref
      .split("/")
      .slice(1)
      .reduce<unknown>((at, key) => (at as JsonSchema | undefined)?.[key.replaceAll("~1", "/")], root);
  }
  return typeof found === "object" && found !== null ? (found as JsonSchema) : {};
}

function compareKinds(
  kinds: readonly Kind[] | undefined,
  schema: JsonSchema,
  name: string,
  { path }: Place,
): FitProblem | undefined {
  const wanted = kindsOfSchema(schema);
  if (kinds === undefined || wanted === undefined || kinds.some((kind) => wanted.includes(kind)))
    return undefined;
  return { path, why: `the schema has ${wanted.join(" or ")}, and ${name} is ${kinds.join(" or ")} in JSON` };
}

/** Undefined: any. */
function kindsOfSchema({ type, enum: values, ...schema }: JsonSchema): Kind[] | undefined {
  const literals = Array.isArray(values)
    ? values
    : Object.hasOwn(schema, "const")
      ? [schema.const]
      : undefined;
  const types =
    literals?.map(kindOfValue) ?? (Array.isArray(type) ? type : type === undefined ? undefined : [type]);
  return types?.map((one: string) => (one === "integer" ? "number" : one) as Kind);
}

function kindOfValue(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
