import { createFunctionNotFound, type FunctionSpec, NarunError, type Spec } from "../contracts/index.ts";
import { type Nats, openSpecs } from "../nats/index.ts";
import { findGateways, waitForGateways } from "./gateways.ts";
import { liveSpec } from "./registry.ts";

export interface PauseResult {
  name: string;
  /** ISO 8601; null: it is not paused. */
  pausedSince: string | null;
  /** Whether the order changed anything. */
  changed: boolean;
  /** Whether every gateway keeps to it. They follow later by themselves. */
  answering: boolean;
}

/**
 * Pauses a service on all nodes: its instances finish their requests and end, and requests are held or refused, as its
 * `whenPaused` says. Errors: FUNCTION_NOT_FOUND, PUSH_CONFLICT.
 */
export function pauseService(nats: Nats, name: string): Promise<PauseResult> {
  return order(nats, name, (spec) => spec.paused ?? { since: new Date().toISOString() });
}

/** Lets a paused service go on. Errors: as `pauseService`. */
export function resumeService(nats: Nats, name: string): Promise<PauseResult> {
  return order(nats, name, () => undefined);
}

/** Upper bound of the tries: each conflict is another writer's success. */
const TRIES = 5;

async function order(
  nats: Nats,
  name: string,
  decide: (spec: FunctionSpec) => FunctionSpec["paused"],
): Promise<PauseResult> {
  const specs = await openSpecs(nats);
  for (let tries = 0; tries < TRIES; tries++) {
    const known = (await specs.list()).find(({ key }) => key === name);
    const before = liveSpec(known);
    if (known === undefined || before === undefined)
      throw createFunctionNotFound(
        name,
        (await specs.list()).map(({ key }) => key),
      );
    const { paused: former, ...spec } = before;
    const paused = decide(before);
    const result = { name, pausedSince: paused?.since ?? null };
    if (paused?.since === former?.since) return { ...result, changed: false, answering: true };
    const next: Spec = { kind: "function", spec: { ...spec, ...(paused && { paused }) } };
    const written = await specs.update(name, next, known.revision);
    if (written === undefined) continue;
    const followed = { name, revision: written, startMs: 0 };
    const answering = await waitForGateways(nats, followed, {
      known: await findGateways(nats).catch(() => []),
    });
    return { ...result, changed: true, answering };
  }
  throw new NarunError("PUSH_CONFLICT", { detail: `${name} is being changed by others`, name });
}
