import { isNarunError, messageOf } from "../../../../contracts/index.ts";
import type { StartOutcome } from "../../host.ts";
import { createFunctionLog } from "./function-logs.ts";
import { LiveInstance } from "./instance.ts";
import type { Instance, InstanceOptions } from "./instance-options.ts";
import { loadFunction } from "./load-function.ts";

/** Starts an instance; where that fails nothing of it is left. */
export async function startInstance(
  options: InstanceOptions,
): Promise<{ outcome: StartOutcome; instance?: Instance }> {
  const { config, secrets, pool, bundle, sourceMaps, revision } = options;
  const log = createFunctionLog(options);
  const live = new LiveInstance(options, log);
  const startedAt = performance.now();
  const sandbox = await pool.take(config.limits.memoryMb, live.onPost);
  live.adopt(sandbox);
  options.adopted(sandbox);
  const takenAt = performance.now();
  const failure = await live.load(() => loadFunction(sandbox, { config, bundle, secrets }));
  if (failure !== undefined) {
    const { code, message } = failure;
    const stack = failure.stack === undefined ? undefined : await sourceMaps.map(revision, failure.stack);
    log.say(stack ?? `${code}: ${message}`, undefined);
    live.abandon();
    return { outcome: { ok: false, code, message, ...(stack === undefined ? {} : { stack }) } };
  }
  const loadedAt = performance.now();
  try {
    await live.open();
  } catch (error) {
    // NATS went away just now, or does not permit its subjects: nobody has heard of this instance.
    live.abandon();
    const code = isNarunError(error, "NATS_PERMISSIONS_VIOLATION") ? error.code : "INSTANCE_DRAINING";
    return { outcome: { ok: false, code, message: messageOf(error) } };
  }
  const phases = {
    isolate: takenAt - startedAt,
    load: loadedAt - takenAt,
    register: performance.now() - loadedAt,
  };
  live.announceReady(phases);
  return { outcome: { ok: true, phases }, instance: live };
}
