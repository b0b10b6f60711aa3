/**
 * How an instance changes: pure decisions. A decision gives the record that is to be written, or nothing where it stays, or
 * throws the error of the call.
 *
 *     pending ──claim──▶ running ──completed, failed, cancelled──▶ final
 *        ▲                  │ suspended, a long sleep
 *        └──wake, resume── suspended
 *
 * I1  A final state stays. `resume` of an operator alone takes a failed or cancelled instance back to work.
 * I2  A former run changes nothing.
 * I3  The newest signal replaces the one before. An acknowledgement takes only a signal of its type that was shown.
 */
import { NarunError } from "../../contracts/index.ts";
import { type Instance, isFinal, type SignalType } from "./record.ts";

/** Who calls for an instance. */
export interface Caller {
  instance: string;
  /** Undefined: an operator, who may act for every tenant. */
  tenant: string | undefined;
  /** The run whose token the call has. Undefined: the token is not bound to a run. */
  run: number | undefined;
}

/** Errors: RUNTARA_OTHER_TENANT, RUNTARA_RUN_REPLACED. */
export function checkCaller(instance: Instance, { tenant, run }: Caller): void {
  if (tenant !== undefined && tenant !== instance.tenant)
    throw new NarunError("RUNTARA_OTHER_TENANT", { detail: instance.id });
  if (run !== undefined && run !== instance.run)
    throw new NarunError("RUNTARA_RUN_REPLACED", {
      detail: `run ${run} of ${instance.id}; run ${instance.run} goes on`,
    });
}

/** Errors: as checkCaller; RUNTARA_INSTANCE_FINISHED, RUNTARA_NOT_RUNNING. */
export function checkRunning(instance: Instance, caller: Caller): void {
  checkCaller(instance, caller);
  refuseFinal(instance);
  if (instance.status !== "running")
    throw new NarunError("RUNTARA_NOT_RUNNING", { detail: `${instance.id} is ${instance.status}` });
}

export function refuseFinal(instance: Instance): void {
  if (isFinal(instance))
    throw new NarunError("RUNTARA_INSTANCE_FINISHED", { detail: `${instance.id} is ${instance.status}` });
}

const FRESH = { generation: 1, run: 0, attempts: 0, progress: 0, ranMs: 0, retries: 0 } as const;

export function register(
  known: Instance | undefined,
  caller: Caller & { tenant: string },
  now: number,
): Instance {
  if (known === undefined) {
    const { instance: id, tenant } = caller;
    return {
      ...FRESH,
      id,
      tenant,
      status: "running",
      run: 1,
      createdAtMs: now,
      startedAtMs: now,
      hasRegistered: true,
    };
  }
  checkCaller(known, caller);
  refuseFinal(known);
  if (known.image !== undefined) {
    checkRunning(known, caller);
    return { ...known, hasRegistered: true };
  }
  const { wakeAtMs: _, wakeCheckpoint: __, ...rest } = known;
  return { ...rest, status: "running", run: known.run + 1, startedAtMs: known.startedAtMs ?? now };
}

export interface StartOrder {
  id: string;
  tenant: string;
  image: { id: string; name: string };
  input: string | undefined;
  env: Record<string, string>;
  timeoutSeconds: number | undefined;
}

/** Undefined: it was started before, by the same order. Errors: RUNTARA_OTHER_TENANT, RUNTARA_INSTANCE_EXISTS. */
export function start(known: Instance | undefined, order: StartOrder, now: number): Instance | undefined {
  if (known === undefined) {
    const { timeoutSeconds, input, ...given } = order;
    return {
      ...FRESH,
      ...given,
      ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
      ...(input === undefined ? {} : { input }),
      status: "pending",
      createdAtMs: now,
    };
  }
  checkCaller(known, { instance: order.id, tenant: order.tenant, run: undefined });
  if (known.image?.id === order.image.id && known.input === order.input) return undefined;
  throw new NarunError("RUNTARA_INSTANCE_EXISTS", { detail: order.id });
}

export interface Finish {
  status: "completed" | "failed" | "cancelled";
  reason: string;
  error?: string;
  /** Its output is stored under the present run. */
  hasOutput?: boolean;
}

/** The final record of an instance that is not final. */
export function finish(
  instance: Instance,
  { status, reason, error, hasOutput = false }: Finish,
  now: number,
): Instance {
  const { signal: _, wakeAtMs: __, wakeCheckpoint: ___, stop: ____, ...rest } = instance;
  return {
    ...rest,
    status,
    reason,
    finishedAtMs: now,
    ...(error === undefined ? {} : { error }),
    ...(hasOutput ? { outputRun: instance.run } : {}),
  };
}

/** The end that a program tells. Undefined: it is final already, and stays so. */
export function end(instance: Instance, caller: Caller, told: Finish, now: number): Instance | undefined {
  if (isFinal(instance)) {
    checkCaller(instance, { ...caller, run: undefined });
    return undefined;
  }
  checkCaller(instance, caller);
  return finish(instance, told, now);
}

/** The program has suspended itself. A cancel that waits takes effect: nobody else would. */
export function suspend(instance: Instance, caller: Caller, now: number): Instance | undefined {
  if (isFinal(instance)) {
    checkCaller(instance, { ...caller, run: undefined });
    return undefined;
  }
  checkCaller(instance, caller);
  return suspended(instance, now);
}

function suspended(instance: Instance, now: number): Instance {
  if (instance.signal?.type === "cancel")
    return finish(instance, { status: "cancelled", reason: "cancelled" }, now);
  const { signal: _, wakeAtMs: __, wakeCheckpoint: ___, ...rest } = instance;
  return { ...rest, status: "suspended", reason: "paused" };
}

/** Undefined: the signal that it means is gone, or a newer one waits that stays. */
export function acknowledge(
  instance: Instance,
  caller: Caller,
  type: SignalType,
  now: number,
): Instance | undefined {
  checkCaller(instance, { ...caller, run: isFinal(instance) ? undefined : caller.run });
  if (isFinal(instance)) return undefined;
  const { signal, ...rest } = instance;
  if (signal === undefined || signal.type !== type || !signal.isShown) return undefined;
  if (type === "cancel") return finish(instance, { status: "cancelled", reason: "cancelled" }, now);
  return type === "pause" ? suspended(rest, now) : rest;
}

/** A signal to an instance. One without a process takes effect at once. Error: RUNTARA_INSTANCE_FINISHED. */
export function signal(
  instance: Instance,
  { type, payload }: { type: SignalType; payload: string | undefined },
  now: number,
): Instance | undefined {
  refuseFinal(instance);
  if (instance.status !== "running") {
    if (type === "cancel") return finish(instance, { status: "cancelled", reason: "cancelled" }, now);
    if (type === "pause" && instance.image !== undefined)
      // A run that was ordered finds another generation, and is dropped.
      return { ...suspended(instance, now), generation: instance.generation + 1 };
  }
  return { ...instance, signal: { type, isShown: false, ...(payload === undefined ? {} : { payload }) } };
}

/** Undefined: it was shown before. */
export function show(instance: Instance): Instance | undefined {
  const { signal } = instance;
  return signal === undefined || signal.isShown
    ? undefined
    : { ...instance, signal: { ...signal, isShown: true } };
}

/** Errors: RUNTARA_NO_IMAGE, RUNTARA_INSTANCE_FINISHED, RUNTARA_NOT_RUNNING. */
export function resume(instance: Instance): Instance {
  const { status, image, generation } = instance;
  if (image === undefined) throw new NarunError("RUNTARA_NO_IMAGE", { detail: instance.id });
  if (status === "completed") refuseFinal(instance);
  if (status === "pending" || status === "running")
    throw new NarunError("RUNTARA_NOT_RUNNING", {
      detail: `${instance.id} is ${status}, and needs no resume`,
    });
  const {
    signal: _,
    stop: __,
    error: ___,
    finishedAtMs: ____,
    wakeAtMs: _____,
    reason: ______,
    ...rest
  } = instance;
  return { ...rest, status: "pending", generation: generation + 1, attempts: 0 };
}

/** Error: RUNTARA_INSTANCE_FINISHED. */
export function stop(
  instance: Instance,
  { graceMs, reason }: { graceMs: number; reason: string },
  now: number,
): Instance {
  refuseFinal(instance);
  // A program that is not narun's cannot be ended: its calls are refused from now on.
  if (instance.status !== "running" || instance.image === undefined)
    return finish(instance, { status: "cancelled", reason: "cancelled", error: reason }, now);
  const payload = Buffer.from(reason).toString("base64");
  return {
    ...instance,
    stop: { deadlineMs: now + graceMs, reason },
    signal: { type: "cancel", isShown: false, payload },
  };
}

/** The process ends, and is started again at `wakeAtMs`. Undefined: a signal waits, which the program sees first. */
export function sleepAway(
  instance: Instance,
  { wakeAtMs, checkpoint }: { wakeAtMs: number; checkpoint: string },
): Instance {
  return {
    ...instance,
    status: "suspended",
    reason: "sleeping",
    wakeAtMs,
    wakeCheckpoint: checkpoint,
    generation: instance.generation + 1,
    attempts: 0,
  };
}
