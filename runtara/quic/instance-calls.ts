/** The calls of programs over QUIC: each request of the instance protocol → its answer. */
import { type InstanceResponse, instance as pb } from "../../protocol/index.ts";
import { SIGNAL_TYPES, type Status } from "../core/record.ts";
import type { Runtara } from "../core/runtara.ts";
import type { Delivery, Shown } from "../core/signals.ts";
import type { Caller } from "../core/transitions.ts";

type Request = NonNullable<pb.RpcRequest["request"]>;
type Of<C extends Request["case"]> = Extract<Request, { case: C }>["value"];
type Response = InstanceResponse["response"];

export interface InstanceCall {
  runtara: Runtara;
  /** Aborts when the program is gone. */
  signal: AbortSignal;
}

/** Undefined: the request has no answer. */
export interface InstanceAnswer {
  response: Response | undefined;
  delivery?: Delivery | undefined;
}

const NO_ANSWER: InstanceAnswer = { response: undefined };

/** The protocol has no place for a token: the door is open to this machine alone. */
const callerOf = (instance: string, tenant?: string): Caller => ({ instance, tenant, run: undefined });

/** Errors: the operation's own. */
export async function callInstance(call: InstanceCall, { request }: pb.RpcRequest): Promise<InstanceAnswer> {
  const { runtara, signal } = call;
  switch (request.case) {
    case "registerInstance":
      return register(runtara, request.value);
    case "checkpoint":
      return checkpoint(runtara, request.value);
    case "getCheckpoint":
      return getCheckpoint(runtara, request.value);
    case "pollSignals":
      return pollSignals(runtara, request.value);
    case "sleep": {
      const { instanceId, checkpointId, durationMs, state } = request.value;
      const order = { checkpoint: checkpointId, durationMs: asNumber(durationMs), state };
      const delivery = await runtara.sleep(callerOf(instanceId), order, signal);
      return { response: { case: "sleep", value: {} }, delivery };
    }
    case "instanceEvent":
      await event(runtara, request.value);
      return { response: { case: "instanceEvent", value: { success: true } } };
    case "eventBatch":
      for (const one of request.value.events) await event(runtara, one);
      return NO_ANSWER;
    case "signalAck": {
      const { instanceId, signalType, acknowledged } = request.value;
      const type = SIGNAL_TYPES[signalType];
      if (acknowledged && type !== undefined) await runtara.acknowledge(callerOf(instanceId), type);
      return NO_ANSWER;
    }
    case "retryAttempt": {
      const { instanceId, checkpointId, attemptNumber: attempt, errorMessage: error } = request.value;
      await runtara.noteRetry(callerOf(instanceId), { checkpoint: checkpointId, attempt, error });
      return NO_ANSWER;
    }
    case "getInstanceStatus":
      return status(runtara, request.value);
    default: {
      const message = "the server does not know this request";
      return { response: { case: "error", value: { code: "RUNTARA_NO_SUCH_CALL", message } } };
    }
  }
}

async function register(runtara: Runtara, { instanceId, tenantId: tenant }: Of<"registerInstance">) {
  await runtara.register({ ...callerOf(instanceId, tenant), tenant });
  return { response: { case: "registerInstance", value: { success: true } } } as const;
}

async function checkpoint(
  runtara: Runtara,
  { instanceId, checkpointId: id, state }: Of<"checkpoint">,
): Promise<InstanceAnswer> {
  const {
    found,
    state: stored,
    delivery,
    ...shown
  } = await runtara.checkpoint(callerOf(instanceId), { id, state });
  const { signal: pendingSignal, customSignal } = signalsOf(instanceId, shown);
  const value = defined({ found, state: stored, pendingSignal, customSignal });
  return { response: { case: "checkpoint", value }, delivery };
}

/** A read takes no signal. */
async function getCheckpoint(
  runtara: Runtara,
  { instanceId, checkpointId }: Of<"getCheckpoint">,
): Promise<InstanceAnswer> {
  const call = { id: checkpointId, state: new Uint8Array() };
  const { found, state } = await runtara.checkpoint(callerOf(instanceId), call);
  return { response: { case: "getCheckpoint", value: { found, ...(state && { state }) } } };
}

async function pollSignals(
  runtara: Runtara,
  { instanceId, checkpointId }: Of<"pollSignals">,
): Promise<InstanceAnswer> {
  const shown = await runtara.pollSignals(callerOf(instanceId), checkpointId);
  return {
    response: { case: "pollSignals", value: defined(signalsOf(instanceId, shown)) },
    delivery: shown.delivery,
  };
}

function signalsOf(instanceId: string, { signal, customSignal }: Shown) {
  return {
    signal: signal && {
      instanceId,
      signalType: SIGNAL_TYPES.indexOf(signal.type) as pb.SignalType,
      payload: signal.payload ?? new Uint8Array(),
    },
    customSignal: customSignal && { checkpointId: customSignal.checkpoint, payload: customSignal.payload },
  };
}

async function event(runtara: Runtara, told: pb.InstanceEvent): Promise<void> {
  const caller = callerOf(told.instanceId);
  const { eventType, payload, checkpointId: checkpoint, subtype } = told;
  if (eventType === pb.InstanceEventType.HEARTBEAT) await runtara.heartbeat(caller);
  else if (eventType === pb.InstanceEventType.COMPLETED) await runtara.complete(caller, payload);
  else if (eventType === pb.InstanceEventType.FAILED)
    await runtara.fail(caller, new TextDecoder().decode(payload));
  else if (eventType === pb.InstanceEventType.SUSPENDED) await runtara.suspend(caller);
  else await runtara.customEvent(caller, { type: "custom", subtype, checkpoint, payload });
}

/** Status → its number in both protocols. */
export const STATUS_NUMBERS: Readonly<Record<Status, pb.InstanceStatus>> = {
  pending: pb.InstanceStatus.STATUS_PENDING,
  running: pb.InstanceStatus.STATUS_RUNNING,
  suspended: pb.InstanceStatus.STATUS_SUSPENDED,
  completed: pb.InstanceStatus.STATUS_COMPLETED,
  failed: pb.InstanceStatus.STATUS_FAILED,
  cancelled: pb.InstanceStatus.STATUS_CANCELLED,
};

async function status(runtara: Runtara, { instanceId }: Of<"getInstanceStatus">): Promise<InstanceAnswer> {
  const found = await runtara.find(callerOf(instanceId));
  if (found === undefined)
    return { response: { case: "getInstanceStatus", value: { instanceId, status: 0 } } };
  const [checkpointId, output] = await Promise.all([runtara.lastCheckpoint(found), runtara.output(found)]);
  const value = defined({
    instanceId,
    status: STATUS_NUMBERS[found.status],
    checkpointId,
    startedAtMs: BigInt(found.startedAtMs ?? 0),
    finishedAtMs: optionalMs(found.finishedAtMs),
    output,
    error: found.error,
  });
  return { response: { case: "getInstanceStatus", value } };
}

export const optionalMs = (ms: number | undefined) => (ms === undefined ? undefined : BigInt(ms));

/** Upper bound of a sleep: a date has to come out. */
const MAX_SLEEP_MS = 100 * 365 * 24 * 3_600_000;
const asNumber = (ms: bigint) => Math.min(Number(ms), MAX_SLEEP_MS);

/** The keys whose value may be undefined are optional. */
type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Without the keys whose value is undefined. */
export function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as Defined<T>;
}
