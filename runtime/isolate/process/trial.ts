import type { TrialOrder, TrialOutcome } from "../../host.ts";
import { mapStack, parseSourceMap } from "../../instance/source-maps.ts";
import type { Sandbox } from "../engine.ts";
import type { HostOperations } from "./host-calls.ts";
import { createIsolateLink } from "./isolate-link.ts";
import { loadFunction } from "./load-function.ts";
import type { Pool } from "./pool.ts";

interface TrialParts {
  pool: Pool;
  operations: HostOperations;
  /** Says whose the sandbox is. */
  adopted(sandbox: Sandbox): void;
}

/**
 * Evaluates a bundle once in an isolate that is thrown away: whether its top level runs, and exports a handler. Timers
 * and calls work, as its top level may await one; what it prints has nowhere to go.
 */
export async function tryBundle(
  { pool, operations, adopted }: TrialParts,
  { config, bundle, secrets, sourceMap }: TrialOrder,
): Promise<TrialOutcome> {
  let sandbox: Sandbox | undefined;
  const link = createIsolateLink({
    enter: (_owner, ...message) => void sandbox?.enter(config.limits.cpuMs, ...message),
    operations,
    maxTimers: config.limits.timers,
    onViolation: () => sandbox?.dispose(),
    onCallError: () => undefined,
  });
  sandbox = await pool.take(config.limits.memoryMb, link.receive);
  adopted(sandbox);
  try {
    const failure = await loadFunction(sandbox, { config, bundle, secrets });
    if (failure === undefined) return { ok: true };
    const { stack, ...rest } = failure;
    return {
      ok: false,
      ...rest,
      ...(stack === undefined ? {} : { stack: mapStack(stack, parseSourceMap(sourceMap)) }),
    };
  } finally {
    link.close();
    sandbox.dispose();
  }
}
