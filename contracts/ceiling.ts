/**
 * The ceiling of a node: the operator's upper bounds of the functions' `limits`. It has the limits that a node enforces. The
 * gateway enforces `maxBodyBytes`, the builder `maxBundleBytes`.
 */
import { type Limits, LimitsSchema } from "./function-config.ts";
import { nearest } from "./nearest.ts";

const NOT_THE_NODES = ["maxBodyBytes", "maxBundleBytes"] as const;

export type CeilingKey = Exclude<keyof Limits, (typeof NOT_THE_NODES)[number]>;
export type Ceiling = Readonly<Partial<Record<CeilingKey, number>>>;

const CEILING_KEYS = Object.keys(LimitsSchema.shape).filter(
  (key) => !(NOT_THE_NODES as readonly string[]).includes(key),
) as CeilingKey[];

/** Parses one `key=value`. A string tells the fault. */
export function parseCeiling(text: string): { key: CeilingKey; value: number } | string {
  const [name = "", ...rest] = text.split("=");
  const key = CEILING_KEYS.find((known) => known === name.trim());
  if (key === undefined) {
    const meant = nearest(name.trim(), CEILING_KEYS);
    const hint = meant === undefined ? `one of ${CEILING_KEYS.join(", ")}` : `did you mean ${meant}?`;
    return `${JSON.stringify(name)} is no limit that a node enforces; ${hint}`;
  }
  const value = rest.join("=").trim();
  const parsed = /^\d+$/.test(value) ? LimitsSchema.shape[key].safeParse(Number(value)) : undefined;
  if (parsed?.success === true) return { key, value: parsed.data };
  return `${key} takes a number that limits.${key} may have, not ${JSON.stringify(value)}`;
}

/** A function's limits under a node's ceiling, and the keys that it lowered. */
export function lowerLimits(limits: Limits, ceiling: Ceiling): { limits: Limits; lowered: CeilingKey[] } {
  const lowered = CEILING_KEYS.filter((key) => limits[key] > (ceiling[key] ?? Number.POSITIVE_INFINITY));
  const changes = Object.fromEntries(lowered.map((key) => [key, ceiling[key]]));
  return { limits: { ...limits, ...changes }, lowered };
}
