/**
 * The values that the live revision seals, and the next one would not.
 *
 * I1  Nothing goes over from sealed to clear unseen: the order that would do so is refused, or says what it did.
 */
import {
  type Capability,
  capabilitiesOf,
  type FunctionConfig,
  type FunctionSpec,
  NarunError,
  type ServiceDescription,
} from "../contracts/index.ts";

/** One place that was sealed: its name for people, and its label. */
export interface Cleared {
  place: string;
  label: string;
}

export interface NextRevision {
  config: Pick<FunctionConfig, "name" | "bindings" | "workflow">;
  /** Undefined: no node has tried it, or it is no service. */
  description: ServiceDescription | undefined;
  /** Whether a node has tried it. */
  isTried: boolean;
}

export interface ClearOptions {
  /** Values may go in clear that were sealed before. Default: false. */
  allowClear?: boolean | undefined;
}

/** Error: CLEAR_REFUSED. */
export function requireSealed(
  live: FunctionSpec | undefined,
  next: NextRevision,
  { allowClear = false }: ClearOptions,
): Cleared[] {
  const cleared = live === undefined ? [] : findCleared(live, next);
  if (cleared.length === 0 || allowClear) return cleared;
  const { name } = next.config;
  const detail = `${name}: ${cleared.map(({ place, label }) => `${place} (sealed for ${label})`).join(", ")}`;
  throw new NarunError("CLEAR_REFUSED", { detail, name, cleared });
}

export function findCleared(live: FunctionSpec, { config, description, isTried }: NextRevision): Cleared[] {
  const cleared: Cleared[] = [];
  for (const { name, encrypt: label } of live.interface?.actions ?? []) {
    const now = description?.actions.find((action) => action.name === name);
    const isClear = now === undefined ? !isTried : now.encrypt === undefined;
    if (label !== undefined && isClear)
      cleared.push({
        place: `the action ${name}${now === undefined ? ", which no node has tried" : ""}`,
        label,
      });
  }
  for (const { pattern, encrypt: label } of live.interface?.events ?? []) {
    const now = description?.events.filter((handler) => handler.pattern === pattern) ?? [];
    if (label !== undefined && now.some(({ encrypt }) => encrypt === undefined))
      cleared.push({ place: `the events ${pattern}`, label });
  }
  const bindings = capabilitiesOf(config);
  for (const { seal: label, ...binding } of capabilitiesOf(live)) {
    const isClear = bindings.some((one) => one.seal === undefined && isSameTarget(one, binding));
    if (label !== undefined && isClear) cleared.push({ place: `the binding ${binding.name}`, label });
  }
  const label = live.workflow?.seal;
  if (label !== undefined && config.workflow !== undefined && config.workflow.seal === undefined)
    cleared.push({ place: "the workflow's journal", label });
  return cleared;
}

/** Whether two bindings reach the same bucket, store, service or workflow. Publishers are known by their names. */
function isSameTarget(one: Capability, other: Omit<Capability, "seal">): boolean {
  const { name: a, seal: _, ...target } = one;
  const { name: b, ...before } = other;
  return JSON.stringify(target) === JSON.stringify(before) || (a === b && one.kind === other.kind);
}
