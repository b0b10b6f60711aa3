/**
 * Values of a journal. A value that code gets at once is the value that it gets after a restart: both went through JSON. A value
 * that JSON would change without notice is refused, with the path to it.
 */

/** Upper bound of the depth of a value. */
const MAX_DEPTH = 100;

/** Thrown for a value that a journal cannot keep. */
class UnserializableError extends TypeError {
  override readonly name = "UnserializableError";
  readonly code = "WORKFLOW_VALUE_UNSERIALIZABLE";
}

/** A value as it comes back out of the journal. `label` names it in errors. Dates become texts, `undefined` in objects is left out. */
export function plainOf(value: unknown, label: string): unknown {
  if (value === undefined) return undefined;
  check(value, label, "$", []);
  return JSON.parse(JSON.stringify(value));
}

function check(value: unknown, label: string, path: string, above: readonly object[]): void {
  switch (typeof value) {
    case "string":
    case "boolean":
      return;
    case "undefined":
      return;
    case "number":
      if (!Number.isFinite(value)) refuse(label, path, String(value));
      return;
    case "object":
      if (value !== null) checkObject(value, label, path, above);
      return;
    default:
      refuse(label, path, typeof value === "bigint" ? "a bigint" : `a ${typeof value}`);
  }
}

function checkObject(value: object, label: string, path: string, above: readonly object[]): void {
  if (above.includes(value)) refuse(label, path, "a part of itself (a cycle)");
  if (above.length >= MAX_DEPTH) refuse(label, path, `deeper than ${MAX_DEPTH} levels`);
  const within = [...above, value];
  if (Array.isArray(value)) {
    for (const [index, one] of value.entries()) {
      if (one === undefined) refuse(label, `${path}[${index}]`, "undefined, which becomes null");
      check(one, label, `${path}[${index}]`, within);
    }
    return;
  }
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") return;
  const prototype: unknown = Object.getPrototypeOf(value);
  // An object of another realm has a prototype of its own, whose prototype is none.
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  if (!isPlain) refuse(label, path, `a ${value.constructor?.name ?? "class instance"}`);
  for (const [key, one] of Object.entries(value)) check(one, label, `${path}${memberOf(key)}`, within);
}

function memberOf(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

function refuse(label: string, path: string, what: string): never {
  throw new UnserializableError(
    `WORKFLOW_VALUE_UNSERIALIZABLE: ${label} cannot be kept in the journal: ${path} is ${what}. Return plain data: objects, arrays, texts, finite numbers, booleans, null`,
  );
}
