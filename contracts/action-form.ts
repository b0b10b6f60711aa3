/** The forms of an action's address: its subject, and its paths over HTTP (D2 of service-description.ts). */
import type { JsonSchema } from "./service-description.ts";

const PARAMETER = /\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** The names of the parameters of a template: `["id"]` for `/orders/{id}/pay`. */
export function parametersOf(template: string): string[] {
  return [...template.matchAll(PARAMETER)].map(([, name = ""]) => name);
}

/** Whether a subject has tokens without a name, so that an input alone cannot address the action. */
export function hasUnnamedTokens(subject: string): boolean {
  return subject.split(".").some((token) => token === "*" || token === ">");
}

/** A template with its parameters from a record; undefined where one of them is missing or no scalar. */
export function fillTemplate(
  template: string,
  values: Readonly<Record<string, unknown>>,
): string | undefined {
  let isWhole = true;
  const text = template.replace(PARAMETER, (_all, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    const isScalar = typeof value === "number" || typeof value === "boolean";
    // A dot would divide a token of a subject.
    if (isScalar || (typeof value === "string" && value !== ""))
      return encodeURIComponent(value).replaceAll(".", "%2E");
    isWhole = false;
    return "";
  });
  return isWhole ? text : undefined;
}

/** The schema of an input without the properties that its address has; undefined where nothing is left. */
export function schemaWithout(schema: JsonSchema, names: readonly string[]): JsonSchema | undefined {
  if (names.length === 0) return schema;
  const { properties, required, ...others } = schema;
  if (!isRecord(properties)) return schema;
  const left = Object.fromEntries(Object.entries(properties).filter(([name]) => !names.includes(name)));
  if (Object.keys(left).length === 0) return undefined;
  const needed = Array.isArray(required) ? required.filter((name) => !names.includes(String(name))) : [];
  return { ...others, properties: left, ...(needed.length > 0 && { required: needed }) };
}

/** The properties of an input: their schemas, and whether they are required. */
export function propertiesOf(
  schema: JsonSchema | undefined,
): Map<string, { schema: JsonSchema; isRequired: boolean }> {
  const properties = schema?.properties;
  const required = Array.isArray(schema?.required) ? schema.required : [];
  return new Map(
    Object.entries(isRecord(properties) ? properties : {}).map(([name, one]) => [
      name,
      { schema: isRecord(one) ? one : {}, isRequired: required.includes(name) },
    ]),
  );
}

function isRecord(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
