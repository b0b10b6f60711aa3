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
  config: Pick<FunctionConfig, "name" | "bindings" | "logs" | "workflow">;
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

function findCleared(live: FunctionSpec, { config, description, isTried }: NextRevision): Cleared[] {
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
  cleared.push(...clearedEvents(live.interface?.events ?? [], description?.events ?? []));
  const bindings = capabilitiesOf(config);
  for (const { seal: label, ...binding } of capabilitiesOf(live)) {
    const isClear = bindings.some((one) => one.seal === undefined && isSameTarget(one, binding));
    if (label !== undefined && isClear) cleared.push({ place: `the binding ${binding.name}`, label });
  }
  if (live.logs !== undefined && config.logs === undefined)
    cleared.push({ place: "the log", label: live.logs.seal });
  const label = live.workflow?.seal;
  if (label !== undefined && config.workflow !== undefined && config.workflow.seal === undefined)
    cleared.push({ place: "the workflow's journal", label });
  return cleared;
}

type Handlers = readonly { pattern: string; encrypt?: string | undefined }[];

/** A pattern may have handlers of both kinds: one of the sealed ones has become one in clear. */
function clearedEvents(before: Handlers, now: Handlers): Cleared[] {
  const count = (handlers: Handlers, pattern: string, isSealed: boolean) =>
    handlers.filter((one) => one.pattern === pattern && (one.encrypt !== undefined) === isSealed).length;
  const labels = new Map(before.flatMap(({ pattern, encrypt }) => (encrypt ? [[pattern, encrypt]] : [])));
  return [...labels]
    .filter(([pattern]) => count(now, pattern, true) < count(before, pattern, true))
    .filter(([pattern]) => count(now, pattern, false) > count(before, pattern, false))
    .map(([pattern, label]) => ({ place: `the events ${pattern}`, label }));
}

/** Whether two bindings reach the same bucket, store, service or workflow. Publishers are known by their names. */
function isSameTarget(one: Capability, other: Omit<Capability, "seal">): boolean {
  const { name: a, seal: _, ...target } = one;
  const { name: b, ...before } = other;
  return JSON.stringify(target) === JSON.stringify(before) || (a === b && one.kind === other.kind);
}
