/**
 * Signals to programs.
 *
 * I1  A custom signal is the newest one of its instance and checkpoint. It is deleted when its delivery is proven, and only that
 *     version of it: a lost reply loses no signal.
 * I2  A signal that was shown is noted before the reply goes: its acknowledgement may come on another connection.
 */

import { checkCheckpointId, ID_FIELD, idField } from "./ids.ts";
import { type Instance, isFinal, type SignalType } from "./record.ts";
import { at, type Store } from "./store.ts";
import { acknowledge, type Caller, checkCaller, refuseFinal, show, signal } from "./transitions.ts";

/** To be confirmed when the client has the reply for sure. Without that the next call gets the same again. */
export interface Delivery {
  confirm(): Promise<void>;
}

export interface Shown {
  signal?: { type: SignalType; payload: Uint8Array | undefined };
  customSignal?: { checkpoint: string; payload: Uint8Array };
  delivery?: Delivery;
}

/** The signals that wait for a program; with `checkpoint` also the custom one of that checkpoint. */
export async function showSignals(store: Store, instance: Instance, checkpoint?: string): Promise<Shown> {
  const custom = checkpoint === undefined ? undefined : await readCustom(store, instance.id, checkpoint);
  const known =
    instance.signal?.isShown === false
      ? await store.change(instance.id, (now) => now && show(now))
      : instance;
  const { signal: waiting } = known;
  return {
    ...(waiting === undefined ? {} : { signal: { type: waiting.type, payload: bytesOf(waiting.payload) } }),
    ...custom,
  };
}

async function readCustom(store: Store, id: string, checkpoint: string): Promise<Omit<Shown, "signal">> {
  const record = await store.records.get(at.signal(id, checkpoint));
  if (record === undefined) return {};
  const payload = await store.readPayload(record);
  return {
    customSignal: { checkpoint, payload },
    delivery: { confirm: async () => void (await store.records.delete(record.sequence)) },
  };
}

/** Sets a custom signal; it may come before its program asks. Errors: RUNTARA_OTHER_TENANT, RUNTARA_INSTANCE_FINISHED. */
export async function sendCustomSignal(
  store: Store,
  caller: Caller,
  { checkpoint, payload }: { checkpoint: string; payload: Uint8Array },
): Promise<void> {
  const instance = await store.read(caller.instance);
  checkCaller(instance, caller);
  refuseFinal(instance);
  const fields = { [ID_FIELD]: idField(checkCheckpointId(checkpoint)) };
  await store.putPayload(at.signal(instance.id, checkpoint), payload, { owner: instance.id, fields });
}

/** Sends a signal; the newest replaces the one before. Resolves with the instance as it is then. */
export function sendSignal(
  store: Store,
  caller: Caller,
  sent: { type: "cancel" | "pause"; payload: Uint8Array | undefined },
): Promise<Instance> {
  const payload = sent.payload && Buffer.from(sent.payload).toString("base64");
  return store.changeKnown(caller.instance, (known) => {
    checkCaller(known, caller);
    return signal(known, { type: sent.type, payload }, Date.now());
  });
}

export function acknowledgeSignal(store: Store, caller: Caller, type: SignalType): Promise<Instance> {
  return store.changeKnown(caller.instance, (known) => acknowledge(known, caller, type, Date.now()));
}

/** What waits for a program that asks. A finished one has nothing that waits. */
export async function pollSignals(store: Store, caller: Caller, checkpoint?: string): Promise<Shown> {
  const instance = await store.read(caller.instance);
  checkCaller(instance, isFinal(instance) ? { ...caller, run: undefined } : caller);
  return showSignals(store, instance, checkpoint === undefined ? undefined : checkCheckpointId(checkpoint));
}

function bytesOf(base64: string | undefined): Uint8Array | undefined {
  return base64 === undefined ? undefined : Buffer.from(base64, "base64");
}
