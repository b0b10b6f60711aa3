/**
 * Single fields of a value, sealed for labels of their own: a row that is stored with parts that only some can read.
 *
 * I1  A sealed field opens in its own row and under its own name only: fields that were swapped, also between rows, are refused.
 * I2  A field that a reader has no key for is left out and named. Every other fault is an error.
 */
import { isNarunError, type SealPlace } from "../contracts/index.ts";
import type { Sealer } from "./sealer.ts";

/** The labels of the sealed fields, by path: `card`, `address.street`. */
export type SealedFields = Readonly<Record<string, string>>;

type Row = Readonly<Record<string, unknown>>;

/** `row`: names the row, as `["customers", "42"]`. Absent fields stay absent. Errors: see `Sealer.seal`. */
export async function sealFields(
  sealer: Sealer,
  value: Row,
  { fields, row }: { fields: SealedFields; row: readonly string[] },
): Promise<Row> {
  const sealed = structuredClone(value) as Record<string, unknown>;
  for (const [path, label] of Object.entries(fields)) {
    const found = find(sealed, path);
    if (found === undefined || found.value === undefined) continue;
    const bytes = Buffer.from(JSON.stringify(found.value));
    found.set(Buffer.from(await sealer.seal(label, bytes, placeOf(row, path))).toString());
  }
  return sealed;
}

export interface OpenedFields {
  value: Row;
  /** The paths that this reader has no key for. `value` is without them. */
  closed: string[];
}

/** Errors: SEAL_MISSING, SEAL_BROKEN, SEAL_MOVED and the errors of the directory. */
export async function openFields(
  sealer: Sealer,
  value: Row,
  { fields, row }: { fields: SealedFields; row: readonly string[] },
): Promise<OpenedFields> {
  const opened = structuredClone(value) as Record<string, unknown>;
  const closed: string[] = [];
  for (const [path, label] of Object.entries(fields)) {
    const found = find(opened, path);
    if (found === undefined || found.value === undefined) continue;
    const text = typeof found.value === "string" ? found.value : "";
    try {
      const bytes = await sealer.open(label, Buffer.from(text), placeOf(row, path));
      found.set(JSON.parse(Buffer.from(bytes).toString()));
    } catch (error) {
      if (!isClosed(error)) throw error;
      found.remove();
      closed.push(path);
    }
  }
  return { value: opened, closed };
}

const placeOf = (row: readonly string[], path: string): SealPlace => ["field", ...row, path];

function isClosed(error: unknown): boolean {
  return (["SEAL_KEY_UNKNOWN", "LABEL_NOT_GRANTED", "LABEL_UNKNOWN"] as const).some((code) =>
    isNarunError(error, code),
  );
}

interface Found {
  value: unknown;
  set(value: unknown): void;
  remove(): void;
}

/** The field at a path. Undefined where an object on the way is absent. */
function find(value: Record<string, unknown>, path: string): Found | undefined {
  const names = path.split(".");
  const last = names.pop() ?? "";
  let at: unknown = value;
  for (const name of names) at = ownOf(at, name);
  if (typeof at !== "object" || at === null) return undefined;
  const holder = at as Record<string, unknown>;
  return {
    value: ownOf(holder, last),
    set: (next) => {
      holder[last] = next;
    },
    remove: () => void delete holder[last],
  };
}

function ownOf(value: unknown, name: string): unknown {
  const isObject = typeof value === "object" && value !== null;
  return isObject && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}
