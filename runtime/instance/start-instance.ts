import { isNarunError, messageOf } from "../../contracts/index.ts";
import type { SpanSink } from "../../traces/index.ts";
import type { StartOutcome } from "../host.ts";
import { closeFailure } from "./closed-failure.ts";
import { createFunctionLog } from "./function-logs.ts";
import { Instance, type InstanceOptions } from "./instance.ts";
import { InstanceTraces } from "./instance-traces.ts";
import type { CreateSandbox, StartFailure } from "./sandbox.ts";
import type { LineSealer } from "./sealed-lines.ts";
import type { SourceMaps } from "./source-maps.ts";

export interface StartInstanceOptions extends Omit<InstanceOptions, "traces"> {
  sourceMaps: SourceMaps;
  /** Seals the log, where the configuration says so. */
  sealer?: LineSealer | undefined;
  /** Takes the spans of requests. Default: none are made. */
  spans?: SpanSink | undefined;
}

/** Starts an instance; after a failed start nothing of it is left. */
export async function startInstance(
  options: StartInstanceOptions,
  createSandbox: CreateSandbox,
): Promise<{ outcome: StartOutcome; instance?: Instance }> {
  const { config, instance: id, revision, spans } = options;
  const traces = new InstanceTraces({ service: config.name, instance: id, revision, spans });
  const log = createFunctionLog({ ...options, traceIdOf: (requestId) => traces.traceIdOf(requestId) });
  const instance = new Instance({ ...options, traces }, log, createSandbox);
  const started = await instance.sandbox.start().catch(async (error: unknown) => {
    await instance.abandon();
    throw error;
  });
  if (!started.ok) {
    const outcome = await describeFailure(started, options);
    instance.log.say(outcome.stack ?? `${outcome.code}: ${outcome.message}`, undefined);
    await instance.abandon();
    return { outcome: closeFailure(outcome, config) };
  }
  const startedAt = performance.now();
  try {
    instance.open();
    const phases = { ...started.phases, register: performance.now() - startedAt };
    instance.announceReady(phases);
    await instance.confirm();
    return { outcome: { ok: true, phases }, instance };
  } catch (error) {
    // NATS went away just now, or does not permit the subjects.
    await instance.abandon();
    const code = isNarunError(error, "NATS_PERMISSIONS_VIOLATION") ? error.code : "INSTANCE_DRAINING";
    return { outcome: { ok: false, code, message: messageOf(error) } };
  }
}

/** The failure with the author's places. */
async function describeFailure(
  { code, message, stack }: StartFailure,
  { sourceMaps, revision }: StartInstanceOptions,
): Promise<Extract<StartOutcome, { ok: false }>> {
  if (stack === undefined) return { ok: false, code, message };
  return { ok: false, code, message, stack: await sourceMaps.map(revision, stack) };
}
