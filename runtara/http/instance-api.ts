/** The calls of programs: the instance API of the SDKs. */
import { z } from "zod";
import { type Instance, SIGNAL_TYPES } from "../core/record.ts";
import type { Shown } from "../core/signals.ts";
import { Base64Schema, readJsonBody, toBase64 } from "./body.ts";
import { type Answer, type Call, callerOf, decodePart } from "./call.ts";

const DONE: Answer = { body: { success: true } };

const RegisterSchema = z.object({ tenant_id: z.string(), checkpoint_id: z.string().nullish() });

export async function register(call: Call): Promise<Answer> {
  const { tenant_id: tenant } = await readJsonBody(call.request, RegisterSchema);
  await call.runtara.register({ ...callerOf(call, { tenant }), tenant });
  return DONE;
}

const CheckpointSchema = z.object({
  checkpoint_id: z.string(),
  state: Base64Schema.default(Buffer.alloc(0)),
});

export async function checkpoint(call: Call): Promise<Answer> {
  const { checkpoint_id: id, state } = await readJsonBody(call.request, CheckpointSchema);
  const result = await call.runtara.checkpoint(callerOf(call), { id, state });
  const stored = result.state === undefined ? {} : { state: toBase64(result.state) };
  return { body: { found: result.found, ...stored, ...signalsOf(result) }, delivery: result.delivery };
}

export async function pollSignals(call: Call): Promise<Answer> {
  const [, part] = call.path;
  const checkpoint = part === undefined ? undefined : decodePart(part);
  const shown = await call.runtara.pollSignals(callerOf(call), checkpoint);
  return { body: signalsOf(shown), delivery: shown.delivery };
}

const AcknowledgeSchema = z.object({ signal_type: z.enum(SIGNAL_TYPES) });

export async function acknowledge(call: Call): Promise<Answer> {
  const { signal_type: type } = await readJsonBody(call.request, AcknowledgeSchema);
  await call.runtara.acknowledge(callerOf(call), type);
  return DONE;
}

const CompletedSchema = z.object({ output: Base64Schema.nullish() });

export async function completed(call: Call): Promise<Answer> {
  const { output } = await readJsonBody(call.request, CompletedSchema);
  await call.runtara.complete(callerOf(call), output ?? new Uint8Array());
  return DONE;
}

const FailedSchema = z.object({ error: z.string().default("") });

export async function failed(call: Call): Promise<Answer> {
  const { error } = await readJsonBody(call.request, FailedSchema);
  await call.runtara.fail(callerOf(call), error);
  return DONE;
}

export async function suspended(call: Call): Promise<Answer> {
  await readJsonBody(call.request, z.object({}));
  await call.runtara.suspend(callerOf(call));
  return DONE;
}

const SleepSchema = z.object({
  checkpoint_id: z.string(),
  duration_ms: z.number().min(0).max(Number.MAX_SAFE_INTEGER),
  state: Base64Schema.default(Buffer.alloc(0)),
});

/** Upper bound of a sleep: a date has to come out. */
const MAX_SLEEP_MS = 100 * 365 * 24 * 3_600_000;

export async function sleep(call: Call): Promise<Answer> {
  const { checkpoint_id: checkpoint, duration_ms, state } = await readJsonBody(call.request, SleepSchema);
  const durationMs = Math.min(duration_ms, MAX_SLEEP_MS);
  const delivery = await call.runtara.sleep(callerOf(call), { checkpoint, durationMs, state }, call.signal);
  return { ...DONE, delivery };
}

const EventSchema = z.object({
  event_type: z.string().min(1),
  checkpoint_id: z.string().nullish(),
  payload: Base64Schema.nullish(),
  subtype: z.string().nullish(),
});

export async function event(call: Call): Promise<Answer> {
  const told = await readJsonBody(call.request, EventSchema);
  const caller = callerOf(call);
  if (told.event_type === "heartbeat") await call.runtara.heartbeat(caller);
  else
    await call.runtara.customEvent(caller, {
      type: told.event_type,
      subtype: told.subtype ?? undefined,
      checkpoint: told.checkpoint_id ?? undefined,
      payload: told.payload ?? new Uint8Array(),
    });
  return DONE;
}

const RetrySchema = z.object({
  attempt: z.number().default(1),
  checkpoint_id: z.string(),
  error_message: z.string().nullish(),
});

export async function retry(call: Call): Promise<Answer> {
  const { attempt, checkpoint_id, error_message } = await readJsonBody(call.request, RetrySchema);
  const told = { checkpoint: checkpoint_id, attempt, error: error_message ?? undefined };
  await call.runtara.noteRetry(callerOf(call), told);
  return DONE;
}

/** Also another instance of the same tenant: a program may wait for it. */
export async function status(call: Call): Promise<Answer> {
  const { grant, ...rest } = call;
  const { instance: _, run: __, ...own } = grant;
  const caller = callerOf({ ...rest, grant: own });
  const instance = await call.runtara.find(caller);
  if (instance === undefined) return { body: { found: false, status: "unknown" } };
  return { body: await statusBody(call, instance) };
}

async function statusBody({ runtara }: Call, instance: Instance) {
  const [checkpoint, output] = await Promise.all([
    runtara.lastCheckpoint(instance),
    runtara.output(instance),
  ]);
  return {
    found: true,
    status: instance.status,
    checkpoint_id: checkpoint ?? null,
    output: output === undefined ? null : toBase64(output),
    error: instance.error ?? null,
    started_at_ms: instance.startedAtMs ?? null,
    finished_at_ms: instance.finishedAtMs ?? null,
  };
}

export async function input(call: Call): Promise<Answer> {
  const bytes = await call.runtara.inputOf(callerOf(call));
  return { body: { input: bytes === undefined ? null : toBase64(bytes) } };
}

function signalsOf({ signal, customSignal }: Shown) {
  return {
    signal:
      signal === undefined
        ? null
        : {
            signal_type: signal.type,
            payload: signal.payload === undefined ? null : toBase64(signal.payload),
          },
    custom_signal:
      customSignal === undefined
        ? null
        : { checkpoint_id: customSignal.checkpoint, payload: toBase64(customSignal.payload) },
  };
}
