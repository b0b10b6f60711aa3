/**
 * Checks of the arguments of bindings. An argument that a method would ignore is a TypeError. Its message names the argument
 * and the replacement: most often another platform has an option of that name.
 */

/** Replacements for options of other platforms, by method and option. */
const FIXES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "KV.get": {
    type: 'write get(key, "json") or get(key, { type })',
    cacheTtl: "write get(key, { type, cacheTtl })",
  },
  "KV.entry": {
    type: "the entry has text(), json() and bytes()",
  },
  "KV.put": {
    expirationTtl: "write { ttlSeconds }",
    expiration: "write { ttlSeconds }, which counts from now",
    metadata: "keep it in the value, as JSON",
  },
  "KV.create": {
    expirationTtl: "write { ttlSeconds }",
    expiration: "write { ttlSeconds }, which counts from now",
    ifRevision:
      "create writes only a key that is not there; compare-and-set is put(key, value, { ifRevision })",
  },
  "RATELIMIT.limit": {
    limit: "the limit stands in narun.yaml",
    period: "the period stands in narun.yaml, as periodSeconds",
  },
  "OBJECTS.get": {
    range: "read `body` and cancel it when you have enough",
    onlyIf: "compare `sha256` of head(name) first",
  },
  "OBJECTS.put": {
    httpMetadata: "write { contentType }",
    customMetadata: "write { metadata }",
    onlyIf: "compare `sha256` of head(name) first",
    sha256: "compare it with `sha256` of the result",
    md5: "compare `sha256` of the result",
  },
  "OBJECTS.list": {
    delimiter: "group the names yourself",
    include: "contentType and metadata are always there: leave it out",
  },
};

/** Throws for an option that a method does not know. */
export function requireKnownOptions(method: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new TypeError(`${method}: the options are an object of ${known.join(", ")}`);
  }
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const fix = FIXES[method]?.[key];
    const meant = nearestOf(key, known);
    const guess = meant === undefined ? "" : `; did you mean ${JSON.stringify(meant)}?`;
    const hint = fix === undefined ? guess : `; ${fix}`;
    throw new TypeError(`${method} has no option ${JSON.stringify(key)}: it has ${known.join(", ")}${hint}`);
  }
}

/** Throws for surplus arguments. `takes`: the method's parameters, as in its documentation. */
export function requireNoMore(method: string, takes: string, more: readonly unknown[]): void {
  const argument = more[0];
  // Wrappers that pass their arguments on write out a missing argument as undefined.
  if (argument === undefined && more.length <= 1) return;
  const options = typeof argument === "object" && argument !== null ? Object.keys(argument) : [];
  const fixes = options.flatMap((key) => {
    const fix = FIXES[method]?.[key];
    return fix === undefined ? [] : [`; for ${JSON.stringify(key)} ${fix}`];
  });
  throw new TypeError(`${method} takes ${takes} and not ${kindOf(argument)} behind it${fixes.join("")}`);
}

/** Throws for a name that is no text. Converted to a text it would be another name, such as `undefined` or `a,b`. */
export function requireText(method: string, label: string, value: unknown): asserts value is string {
  if (typeof value === "string") return;
  const fix = Array.isArray(value) ? `; call it for each ${label}` : "";
  throw new TypeError(`${method}: the ${label} is a text and not ${kindOf(value)}${fix}`);
}

/** Throws for a value that JSON writes as `null`: a reader would take it for a missing value. */
export function requireStorable(method: string, value: unknown, how: string): void {
  const isNoNumber = typeof value === "number" && !Number.isFinite(value);
  if (value !== null && value !== undefined && !isNoNumber) return;
  throw new TypeError(`${method}: ${String(value)} is no value: ${how}`);
}

/** Throws for an option that is neither undefined nor one of `values`. */
export function requireOneOf(
  method: string,
  label: string,
  value: unknown,
  values: readonly unknown[],
): void {
  if (value === undefined || values.includes(value)) return;
  const list = values.map((one) => JSON.stringify(one)).join(", ");
  const given = typeof value === "string" ? JSON.stringify(value) : kindOf(value);
  throw new TypeError(`${method}: ${label} is one of ${list}, not ${given}`);
}

/** Upper bound of `cacheTtl`: ten years. */
const MAX_CACHE_SECONDS = 315_360_000;

/** Throws for a time that a cached value may not have. */
export function requireCacheTtl(method: string, value: unknown): void {
  if (value === undefined) return;
  if (typeof value === "number" && value >= 1 && value <= MAX_CACHE_SECONDS) return;
  const given = typeof value === "number" ? String(value) : kindOf(value);
  throw new TypeError(
    `${method}: cacheTtl is a number of seconds from 1 to ${MAX_CACHE_SECONDS}, and not ${given}; without it a read asks the bucket`,
  );
}

/** Throws for a signal that is no AbortSignal. */
export function requireSignal(method: string, value: unknown): void {
  if (value === undefined || (typeof value === "object" && value !== null && "aborted" in value)) return;
  throw new TypeError(
    `${method}: the signal is an AbortSignal, as controller.signal is, and not ${kindOf(value)}`,
  );
}

/** Reads a plain object of texts (headers, metadata) into alternating names and values. */
export function readTexts(method: string, label: string, record: unknown): string[] {
  const prototype = typeof record === "object" && record !== null ? Object.getPrototypeOf(record) : undefined;
  if (prototype !== null && prototype !== Object.prototype) {
    const isIterable = typeof record === "object" && record !== null && Symbol.iterator in record;
    const fix = isIterable && !Array.isArray(record) ? "; write Object.fromEntries(…)" : "";
    throw new TypeError(`${method}: ${label} are an object of names and texts, not ${kindOf(record)}${fix}`);
  }
  return Object.entries(record as object).flatMap(([name, value]) => {
    if (["string", "number", "boolean", "bigint"].includes(typeof value)) return [name, `${value}`];
    throw new TypeError(
      `${method}: ${label} are texts; ${JSON.stringify(name)} is ${kindOf(value)}: leave it out or write a text`,
    );
  });
}

/** Describes the kind of a value for a message. */
function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "an array";
  if (typeof value === "function") return "a function";
  if (typeof value !== "object") return `a ${typeof value}`;
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  if (tag !== "Object") return `a ${tag}`;
  const keys = Object.keys(value);
  return keys.length === 0 ? "an object" : `an object of ${keys.slice(0, 8).join(", ")}`;
}

/** Fewer letters in common say nothing. */
const LEAST_COMMON = 3;

/** The name that has the longest stretch of letters in common: `revision` is meant as `ifRevision`. */
function nearestOf(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let most = LEAST_COMMON - 1;
  for (const name of known) {
    const length = commonLength(word.slice(0, 64).toLowerCase(), name.toLowerCase());
    if (length > most) [best, most] = [name, length];
  }
  return best;
}

function commonLength(a: string, b: string): number {
  let most = 0;
  for (let from = 0; from < b.length; from++) {
    while (from + most < b.length && a.includes(b.slice(from, from + most + 1))) most += 1;
  }
  return most;
}
