/**
 * Failures of starts and trials, where the function's log is sealed. A failure goes to the node-runner, into status events and to the
 * one who pushes. Its text may have values of the author, so it is in the log alone.
 */
import type { FunctionConfig } from "../../contracts/index.ts";
import type { Nats } from "../../nats/index.ts";
import type { TrialOutcome } from "../host.ts";
import { createFunctionLog } from "./function-logs.ts";
import type { LineSealer } from "./sealed-lines.ts";

type Failure = Extract<TrialOutcome, { ok: false }>;

/** The failure without its text, where the log is sealed. */
export function closeFailure<F extends Failure>(failure: F, { logs }: Pick<FunctionConfig, "logs">): F {
  if (logs === undefined) return failure;
  const { stack: _, ...facts } = failure;
  return { ...facts, message: `its text is in the function's log, sealed for ${logs.seal}` } as F;
}

interface Tried {
  nats: Nats;
  node: string;
  config: FunctionConfig;
  sealer: LineSealer;
}

/** The outcome of a trial as others may see it. Lines of a trial are dropped, but for the failure of one whose log is sealed. */
export async function closeTrial(outcome: TrialOutcome, tried: Tried): Promise<TrialOutcome> {
  if (outcome.ok || tried.config.logs === undefined) return outcome;
  const log = createFunctionLog({
    ...tried,
    instance: `trial-${crypto.randomUUID().slice(0, 8)}`,
    revision: "",
  });
  log.say(outcome.stack ?? `${outcome.code}: ${outcome.message}`, undefined);
  await log.close();
  return closeFailure(outcome, tried.config);
}
