/** The input of an action out of a request: its body, its parameters, its query. */
import type { Action } from "./action.ts";
import type { JsonSchema } from "./description.ts";
import type { Found } from "./router.ts";
import { type Checked, jsonSchemaOf } from "./standard-schema.ts";

type Properties = Readonly<Record<string, JsonSchema>>;

/** The properties of actions' inputs, by their names: the types that texts are converted to. */
const properties = new WeakMap<Action, { of: Properties | undefined }>();

/**
 * The value before its validation. Parameters win over the body. A body that is no JSON is an issue of the input itself.
 */
export async function readInput({ action, captured, isGet }: Found, request: Request): Promise<Checked> {
  const { params } = captured;
  const query = isGet ? queryOf(request.url) : [];
  const body = isGet ? undefined : await bodyOf(request);
  if (body instanceof SyntaxError) return refusal(`it is no JSON: ${body.message}`);
  const names = Object.keys(params);
  if (names.length === 0 && query.length === 0) return { ok: true, value: body ?? emptyOf(action) };
  if (body !== undefined && (typeof body !== "object" || body === null || Array.isArray(body)))
    return refusal(`with parameters in the path it is an object, which takes ${names.join(", ")}`);
  const types = propertiesOf(action) ?? {};
  const value: Record<string, unknown> = { ...body };
  for (const [name, text] of query) {
    const isList = typeOf(types[name]) === "array";
    const known = Object.hasOwn(value, name) ? value[name] : undefined;
    if (isList)
      set(value, name, [...((known as unknown[] | undefined) ?? []), convert(itemsOf(types[name]), text)]);
    else set(value, name, convert(types[name], text));
  }
  for (const name of names) set(value, name, convert(types[name], params[name] ?? ""));
  return { ok: true, value };
}

/** A property of its own, also where its name is `__proto__`. */
function set(value: Record<string, unknown>, name: string, to: unknown): void {
  Object.defineProperty(value, name, { value: to, enumerable: true, writable: true, configurable: true });
}

function refusal(message: string): Checked {
  return { ok: false, issues: [{ path: "", message }] };
}

/** A request without a body and a query: an object without keys where the action takes an object. */
function emptyOf(action: Action): unknown {
  return propertiesOf(action) === undefined ? undefined : {};
}

async function bodyOf(request: Request): Promise<unknown> {
  const text = await request.text();
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    return error instanceof SyntaxError ? error : new SyntaxError(String(error));
  }
}

function queryOf(url: string): [string, string][] {
  const mark = url.indexOf("?");
  return mark < 0 ? [] : [...new URLSearchParams(url.slice(mark + 1))];
}

/** Undefined: it takes no object, or has no JSON Schema. Parameters stay texts there. */
function propertiesOf(action: Action): Properties | undefined {
  let known = properties.get(action);
  if (known === undefined) {
    known = { of: action.input && readProperties(action.input) };
    properties.set(action, known);
  }
  return known.of;
}

function readProperties(schema: NonNullable<Action["input"]>): Properties | undefined {
  try {
    const { type, properties: of = {} } = jsonSchemaOf(schema, "input");
    return type === "object" ? (of as Properties) : undefined;
  } catch {
    return undefined;
  }
}

function itemsOf(schema: JsonSchema | undefined): JsonSchema | undefined {
  return schema?.items as JsonSchema | undefined;
}

/** The types of a schema that are not `null` and not a text. The first of several counts. */
function typeOf(schema: JsonSchema | undefined): string | undefined {
  if (schema === undefined) return undefined;
  const options = (schema.anyOf ?? schema.oneOf) as JsonSchema[] | undefined;
  const types = options?.map(typeOf) ?? (Array.isArray(schema.type) ? schema.type : [schema.type]);
  if (types.includes("string") || Array.isArray(schema.enum)) return typeOfEnum(schema) ?? "string";
  return types.find((type) => type !== "null" && type !== undefined) as string | undefined;
}

function typeOfEnum({ enum: values }: JsonSchema): string | undefined {
  const kinds = new Set(Array.isArray(values) ? values.map((value) => typeof value) : []);
  return kinds.size === 1 && !kinds.has("string") ? [...kinds][0] : undefined;
}

/** A text that has not the form of the type stays a text: the schema says so better. */
function convert(schema: JsonSchema | undefined, text: string): unknown {
  const type = typeOf(schema);
  if (type === "number" || type === "integer") {
    const number = Number(text);
    return text.trim() !== "" && Number.isFinite(number) ? number : text;
  }
  if (type === "boolean") return text === "true" ? true : text === "false" ? false : text;
  return text;
}
