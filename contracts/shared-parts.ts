import { BoundedMap } from "./bounded-map.ts";
import type { FunctionConfig } from "./function-config.ts";

/** Upper bound of the parts that are remembered. A part beyond is as large as before, and nothing else. */
const MAX_PARTS = 1_000;

/**
 * Returns a function that makes specs small: their equal parts are one object. Most functions have the same limits and no
 * bindings, and a process keeps the specs of thousands that sleep. No reader changes a spec.
 */
export function createSharedParts(): <T extends FunctionConfig>(spec: T) => T {
  const parts = new BoundedMap<string, unknown>(MAX_PARTS);
  const share = <T>(part: T): T => {
    const text = JSON.stringify(part);
    const known = parts.get(text) as T | undefined;
    if (known === undefined) parts.set(text, part);
    return known ?? part;
  };
  return (spec) => ({
    ...spec,
    mode: share(spec.mode),
    trust: share(spec.trust),
    scale: share(spec.scale),
    limits: share(spec.limits),
    env: share(spec.env),
    bindings: share(spec.bindings),
    egress: share(spec.egress),
  });
}
