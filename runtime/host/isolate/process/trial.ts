import { EnterOp, PostOp } from "../../../platform/boundary.ts";
import type { TrialOrder, TrialOutcome } from "../../host.ts";
import type { Sandbox } from "../engine.ts";
import { createIsolateTimers } from "./isolate-timers.ts";
import { loadFunction } from "./load-function.ts";
import type { Pool } from "./pool.ts";
import { mapStack } from "./source-maps.ts";

/**
 * Evaluates a bundle once in an isolate that is thrown away: whether its top level runs, and exports a handler. Timers
 * work, as its top level may await one; what it prints has nowhere to go.
 */
export async function tryBundle(
  pool: Pool,
  { config, bundle, sourceMap }: TrialOrder,
): Promise<TrialOutcome> {
  let sandbox: Sandbox | undefined;
  const timers = createIsolateTimers((id) => void sandbox?.enter(config.limits.cpuMs, EnterOp.timer, id));
  sandbox = await pool.take(config.limits.memoryMb, (op, a, b) => {
    if (op === PostOp.setTimer) timers.set(Number(a), Number(b));
    if (op === PostOp.clearTimer) timers.clear(Number(a));
  });
  try {
    const failure = await loadFunction(sandbox, config, bundle);
    if (failure === undefined) return { ok: true };
    const { stack, ...rest } = failure;
    return { ok: false, ...rest, ...(stack === undefined ? {} : { stack: mapStack(stack, sourceMap) }) };
  } finally {
    timers.close();
    sandbox.dispose();
  }
}
