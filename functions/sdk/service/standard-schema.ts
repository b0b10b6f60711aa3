/** Standard Schema (standardschema.dev) and Standard JSON Schema: the parts that a service reads. Libraries bring them, narun none. */

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

type Result<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly Issue[] };

interface Converter {
  input(options: { target: string }): Record<string, unknown>;
  output(options: { target: string }): Record<string, unknown>;
}

/** A schema of zod, valibot, arktype, or another library that follows the standard. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => Result<Output> | Promise<Result<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
    readonly jsonSchema?: Converter | undefined;
  };
}

type TypesOf<S> = S extends { readonly "~standard": { readonly types?: infer T } } ? NonNullable<T> : never;

/** The values that a schema takes. */
export type InputOf<S> = TypesOf<S> extends { readonly input: infer I } ? I : never;
/** The values that a schema gives: defaults are filled in, and texts converted. */
export type OutputOf<S> = TypesOf<S> extends { readonly output: infer O } ? O : never;

/** A place in a value that does not fit, and why. */
export interface FieldIssue {
  /** The keys down to it, joined by dots: `items.0.price`. Empty: the value itself. */
  path: string;
  message: string;
}

export type Checked = { ok: true; value: unknown } | { ok: false; issues: FieldIssue[] };

/** Upper bound of the issues that are told. */
const MAX_ISSUES = 100;

/** Checks a value. Without a schema every value fits. */
export async function check(schema: StandardSchema | undefined, value: unknown): Promise<Checked> {
  if (schema === undefined) return { ok: true, value };
  const given = schema["~standard"].validate(value);
  const result = given instanceof Promise ? await given : given;
  if (result.issues === undefined) return { ok: true, value: result.value };
  const issues = result.issues.slice(0, MAX_ISSUES).map(({ path = [], message }) => ({
    path: path.map((part) => String(typeof part === "object" ? part.key : part)).join("."),
    message,
  }));
  return { ok: false, issues };
}

/** Whether a value is a schema. Some libraries make functions. */
export function isSchema(value: unknown): value is StandardSchema {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  const standard = (value as Partial<StandardSchema>)["~standard"];
  return typeof standard === "object" && standard !== null && typeof standard.validate === "function";
}

const TARGET = { target: "draft-2020-12" };

/** The JSON Schema of the values that a schema takes (`input`), or gives (`output`). Throws where it has none. */
export function jsonSchemaOf(schema: StandardSchema, side: "input" | "output"): Record<string, unknown> {
  const { jsonSchema, vendor } = schema["~standard"];
  if (jsonSchema === undefined) {
    const advice = CONVERTERS[vendor] ?? "use a library with Standard JSON Schema";
    throw new TypeError(`${vendor} gives it no JSON Schema: ${advice}`);
  }
  const made = side === "input" ? jsonSchema.input(TARGET) : jsonSchema.output(TARGET);
  const { $schema: _, ...schemaOf } = JSON.parse(JSON.stringify(made)) as Record<string, unknown>;
  return schemaOf;
}

/** The ways of libraries that keep their converter apart. */
const CONVERTERS: Readonly<Record<string, string>> = {
  valibot: "wrap it in `toStandardJsonSchema` of @valibot/to-json-schema",
  zod: "use zod 4.2 or later",
};
