/**
 * Rows with fields that are sealed, each for a label of its own: a row is stored with parts that only some can read.
 *
 * I1  A sealed field opens in its own row and under its own name alone: swapped fields, also of two rows, are refused.
 * I2  A field that a reader has no key for is left out and named. Every other fault is an error.
 */
import {
  check,
  type InputOf,
  isSchema,
  jsonSchemaOf,
  type OutputOf,
  type StandardSchema,
} from "../service/standard-schema.ts";
import { LABEL, sealCodeOf, sealPortOf } from "./seal-port.ts";

/** The schema of a sealed field. For itself it checks the value in clear. */
export interface EncryptedSchema<Input = unknown, Output = Input> extends StandardSchema<Input, Output> {
  readonly "~encrypt": string;
}

/** A field that `rows` seals for a label. Its schema is of any library of Standard Schema. Throws a TypeError. */
export function encrypted<S extends StandardSchema>(
  schema: S,
  label: string,
): EncryptedSchema<InputOf<S>, OutputOf<S>> {
  if (!isSchema(schema))
    throw new TypeError("encrypted(schema, label): the schema is none of Standard Schema");
  if (typeof label !== "string" || !LABEL.test(label))
    throw new TypeError("encrypted(schema, label): a label is a text as payments or user:42");
  const inner = schema["~standard"];
  const shown = (side: "input" | "output") => () => ({
    ...jsonSchemaOf(schema, side),
    "x-narun-encrypt": label,
  });
  const jsonSchema = inner.jsonSchema && { input: shown("input"), output: shown("output") };
  return {
    "~encrypt": label,
    "~standard": { version: 1, vendor: inner.vendor, validate: inner.validate, jsonSchema },
  } as EncryptedSchema<InputOf<S>, OutputOf<S>>;
}

type Columns = Readonly<Record<string, StandardSchema>>;
type Given<C extends Columns> = { [K in keyof C]: InputOf<C[K]> };
type Row<C extends Columns> = { [K in keyof C]: OutputOf<C[K]> };

/** The rows of one table. */
export interface Rows<C extends Columns> {
  /**
   * The row as it is stored: checked, and its `encrypted` fields sealed. `key` names the row. `env`: that of the function, which has the
   * labels (`labels` in narun.yaml). Errors: a TypeError for a row that does not fit; the codes of docs/encryption.md as names.
   */
  seal(env: unknown, key: string, row: Given<C>): Promise<Record<string, unknown>>;
  /** The row in clear, without the fields that are closed to this function. Errors: SEAL_BROKEN, SEAL_MOVED, SEAL_MISSING, as names. */
  open(env: unknown, key: string, stored: unknown): Promise<{ row: Partial<Row<C>>; closed: string[] }>;
}

/** Describes the rows of a table by their fields. `name`: of the table; a field opens in the table that it was sealed in. */
export function rows<C extends Columns>(name: string, columns: C): Rows<C> {
  if (typeof name !== "string" || name === "") throw new TypeError("rows(name, columns): the name is a text");
  for (const [column, schema] of Object.entries(columns))
    if (!isSchema(schema)) throw new TypeError(`rows("${name}"): ${column} has no schema`);
  const fields = Object.entries(columns);
  return {
    async seal(env, key, row) {
      const stored: Record<string, unknown> = {};
      for (const [column, schema] of fields) {
        const checked = await check(schema, (row as Record<string, unknown>)[column]);
        if (!checked.ok) throw new TypeError(`${name}.${column} of ${key} does not fit its schema`);
        if (checked.value === undefined) continue;
        const label = labelOf(schema);
        const place = ["field", name, key, column];
        stored[column] =
          label === undefined
            ? checked.value
            : await sealPortOf(env).seal(label, place, JSON.stringify(checked.value));
      }
      return stored;
    },
    async open(env, key, stored) {
      const row: Record<string, unknown> = {};
      const closed: string[] = [];
      for (const [column, schema] of fields) {
        const value = (stored as Record<string, unknown> | null)?.[column];
        const label = labelOf(schema);
        if (value === undefined) continue;
        if (label === undefined) {
          row[column] = value;
          continue;
        }
        try {
          const sealed = typeof value === "string" ? value : "";
          row[column] = JSON.parse(await sealPortOf(env).open(label, ["field", name, key, column], sealed));
        } catch (error) {
          if (!CLOSED.has(sealCodeOf(error))) throw error;
          closed.push(column);
        }
      }
      return { row: row as Partial<Row<C>>, closed };
    },
  };
}

/** The codes of a field that this reader has no key for. */
const CLOSED: ReadonlySet<unknown> = new Set(["SEAL_KEY_UNKNOWN", "LABEL_NOT_GRANTED", "LABEL_UNKNOWN"]);

function labelOf(schema: StandardSchema): string | undefined {
  return (schema as Partial<EncryptedSchema>)["~encrypt"];
}
