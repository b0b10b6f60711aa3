/** The graph of `requires:` between services. Decides, and does no I/O. */

/** By service: the services that must run before it. */
export type Requires = ReadonlyMap<string, readonly string[]>;

/** The first cycle that a service is part of, with itself at both ends: `["a", "b", "a"]`. Undefined: there is none. */
export function findCycle(requires: Requires, from: string): string[] | undefined {
  const seen = new Set<string>();
  const walk = (name: string, path: readonly string[]): string[] | undefined => {
    for (const next of requires.get(name) ?? []) {
      if (next === from) return [...path, next];
      if (seen.has(next)) continue;
      seen.add(next);
      const found = walk(next, [...path, next]);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return walk(from, [from]);
}
