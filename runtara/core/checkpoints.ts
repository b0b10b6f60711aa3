/**
 * Checkpoints: the results of a program's steps.
 *
 * I1  The first state under an id stays. Of two writers one stores, and the other is given what is stored.
 * I2  A call without a state reads: it stores nothing, and takes no signal.
 */
import type { StoredRecord } from "../../nats/index.ts";
import { checkCheckpointId, ID_FIELD, idField, idOfField } from "./ids.ts";
import { type Shown, showSignals } from "./signals.ts";
import { at, type Store, sizeOf } from "./store.ts";
import { type Caller, checkCaller, checkRunning } from "./transitions.ts";

export interface Checkpointed extends Shown {
  found: boolean;
  /** The stored state, where one was found. */
  state?: Uint8Array;
}

/** Stores a state, or gives the one that is stored. Errors: those of checkRunning; RUNTARA_TOO_LARGE. */
export async function checkpoint(
  store: Store,
  caller: Caller,
  { id, state }: { id: string; state: Uint8Array },
): Promise<Checkpointed> {
  checkCheckpointId(id);
  const instance = await store.read(caller.instance);
  checkRunning(instance, caller);
  const subject = at.checkpoint(instance.id, id);
  if (state.byteLength === 0) {
    const record = await store.records.get(subject);
    return record === undefined ? { found: false } : { found: true, state: await store.readPayload(record) };
  }
  const [stored, shown] = await Promise.all([
    storeOnce(store, subject, { owner: instance.id, id, state }),
    showSignals(store, instance, id),
  ]);
  return { ...stored, ...shown };
}

/** Stores a state where there is none; else gives the one that is stored. */
export async function storeOnce(
  store: Store,
  subject: string,
  { owner, id, state }: { owner: string; id: string; state: Uint8Array },
): Promise<{ found: boolean; state?: Uint8Array }> {
  const fields = { [ID_FIELD]: idField(id) };
  const written = await store.putPayload(subject, state, { isNew: true, owner, fields });
  if (written !== undefined) return { found: false };
  const record = await store.records.get(subject);
  // It was there a moment ago: the instance is being removed.
  return record === undefined ? { found: false } : { found: true, state: await store.readPayload(record) };
}

export interface CheckpointFacts {
  id: string;
  createdAtMs: number;
  sizeBytes: number;
}

export interface CheckpointFilter {
  id?: string | undefined;
  afterMs?: number | undefined;
  beforeMs?: number | undefined;
}

/** The checkpoints of an instance, the latest first. */
export async function listCheckpoints(
  store: Store,
  caller: Caller,
  { id, afterMs = 0, beforeMs = Number.POSITIVE_INFINITY }: CheckpointFilter = {},
): Promise<CheckpointFacts[]> {
  checkCaller(await store.read(caller.instance), caller);
  const found: CheckpointFacts[] = [];
  for await (const record of store.records.list(at.checkpoints(caller.instance))) {
    const facts = factsOf(record);
    const isIn = facts.createdAtMs > afterMs && facts.createdAtMs < beforeMs;
    if (isIn && (id === undefined || facts.id === id)) found.push(facts);
  }
  return found.reverse();
}

/** One checkpoint with its state; undefined where there is none. */
export async function readCheckpoint(
  store: Store,
  caller: Caller,
  id: string,
): Promise<(CheckpointFacts & { state: Uint8Array }) | undefined> {
  checkCaller(await store.read(caller.instance), caller);
  const record = await store.records.get(at.checkpoint(caller.instance, checkCheckpointId(id)));
  return record && { ...factsOf(record), state: await store.readPayload(record) };
}

/** The id of the last checkpoint or sleep, and its place in the order of all; 0 where there is none. */
export async function lastWork(store: Store, instance: string): Promise<{ id?: string; sequence: number }> {
  const record = await store.records.get(at.work(instance));
  if (record === undefined) return { sequence: 0 };
  return { id: factsOf(record).id, sequence: record.sequence };
}

function factsOf(record: StoredRecord): CheckpointFacts {
  return {
    id: idOfField(record.field(ID_FIELD) ?? ""),
    createdAtMs: record.createdAt.getTime(),
    sizeBytes: sizeOf(record),
  };
}
