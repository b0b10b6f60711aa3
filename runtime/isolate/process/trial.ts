import type { TrialOrder, TrialOutcome } from "../../host.ts";
import { mapStack, parseSourceMap } from "../../instance/source-maps.ts";
import type { Isolate } from "../engine.ts";
import type { HostOperations } from "./host-calls.ts";
import { createIsolateLink } from "./isolate-link.ts";
import { loadFunction } from "./load-function.ts";
import type { Pool } from "./pool.ts";

interface TrialParts {
  pool: Pool;
  operations: HostOperations;
  /** The isolate belongs to the bundle's function from now on. */
  adopted(isolate: Isolate): void;
}

/**
 * Evaluates a bundle once in an isolate that is disposed afterwards: its top level must run and export a handler. Timers and
 * calls work, as the top level may await them. Its log lines are dropped.
 */
export async function tryBundle(
  { pool, operations, adopted }: TrialParts,
  { config, bundle, secrets, sourceMap }: TrialOrder,
): Promise<TrialOutcome> {
  let isolate: Isolate | undefined;
  const link = createIsolateLink({
    enter: (_owner, ...message) => void isolate?.enter(config.limits.cpuMs, ...message),
    operations,
    maxTimers: config.limits.timers,
    onViolation: () => isolate?.dispose(),
    onCallError: () => undefined,
  });
  isolate = await pool.take(config.limits.memoryMb, link.receive, { isTrial: true });
  adopted(isolate);
  try {
    let description: string | undefined;
    const onDescribed = (text: string) => {
      description = text;
    };
    const failure = await loadFunction(isolate, { config, bundle, secrets, onDescribed });
    if (failure === undefined) return { ok: true, ...(description === undefined ? {} : { description }) };
    const { stack, ...rest } = failure;
    return {
      ok: false,
      ...rest,
      ...(stack === undefined ? {} : { stack: mapStack(stack, parseSourceMap(sourceMap)) }),
    };
  } finally {
    link.close();
    isolate.dispose();
  }
}
