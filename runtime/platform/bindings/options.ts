/**
 * Throws for an option that a method does not know: most often it is another platform's name, and what it asks for would
 * silently not happen.
 */
export function requireKnownOptions(method: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`${method}: the options are an object of ${known.join(", ")}`);
  }
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const meant = nearestOf(key, known);
    const hint = meant === undefined ? "" : `; did you mean ${JSON.stringify(meant)}?`;
    throw new TypeError(`${method} has no option ${JSON.stringify(key)}: it has ${known.join(", ")}${hint}`);
  }
}

/** Fewer letters in common say nothing. */
const LEAST_COMMON = 3;

/** The name that has the longest stretch of letters in common: `expirationTtl` is meant as `ttlSeconds`. */
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
