/**
 * Sleeps. The reply is the wake-up.
 *
 * I1  The end of a sleep is fixed when it begins: the same call after a time-out or a crash waits for the rest alone.
 * I2  A sleep that is over is over in every later run. In the run that was told of its end, the same id begins another one.
 * I3  A long sleep of an instance that narun can start holds no process: its order to run waits on NATS.
 */
import { setTimeout as pause } from "node:timers/promises";
import { parseJson } from "../../contracts/index.ts";
import { storeOnce } from "./checkpoints.ts";
import { checkCheckpointId, ID_FIELD, idField } from "./ids.ts";
import { type Sleep, SleepSchema } from "./record.ts";
import type { Runs } from "./runs.ts";
import type { Delivery } from "./signals.ts";
import { at, type Store } from "./store.ts";
import { type Caller, checkRunning, sleepAway } from "./transitions.ts";

export interface SleepCall {
  checkpoint: string;
  durationMs: number;
  /** Stored as the state of the checkpoint. Empty: none is. */
  state: Uint8Array;
}

export interface Sleeps {
  store: Store;
  runs: Runs;
  /** A longer sleep ends the process. */
  thresholdMs: number;
}

/**
 * Resolves at the end of the sleep; rejects with the reason of `signal`. An instance whose process ends meanwhile never gets
 * the reply. Errors: those of checkRunning.
 */
export async function sleepUntilWoken(
  { store, runs, thresholdMs }: Sleeps,
  caller: Caller,
  { checkpoint, durationMs, state }: SleepCall,
  signal: AbortSignal,
): Promise<Delivery> {
  checkCheckpointId(checkpoint);
  const instance = await store.read(caller.instance);
  checkRunning(instance, caller);
  const { run, id: owner } = instance;
  if (state.byteLength > 0)
    await storeOnce(store, at.checkpoint(owner, checkpoint), { owner, id: checkpoint, state });
  const { sleep, sequence } = await begin(store, { owner, checkpoint, durationMs, run });
  const leftMs = sleep.wakeAtMs - Date.now();
  if (leftMs > thresholdMs && instance.image !== undefined) {
    const key = { instance: owner, generation: instance.generation + 1 };
    // The order to wake comes first: a crash in between leaves an order without an instance, which is dropped.
    await runs.order(key, new Date(sleep.wakeAtMs));
    await store.changeKnown(owner, (known) => {
      checkRunning(known, { ...caller, run });
      return sleepAway(known, { wakeAtMs: sleep.wakeAtMs, checkpoint });
    });
    runs.announce(owner);
  }
  await untilTime(sleep.wakeAtMs, signal);
  return { confirm: async () => void (await tell(store, { owner, checkpoint, sleep, sequence, run })) };
}

interface SleepKey {
  owner: string;
  checkpoint: string;
  run: number;
}

/** The sleep that is under way under this id; a new one where there is none. */
async function begin(
  store: Store,
  { owner, checkpoint, durationMs, run }: SleepKey & { durationMs: number },
): Promise<{ sleep: Sleep; sequence: number }> {
  const subject = at.sleep(owner, checkpoint);
  for (;;) {
    const record = await store.records.get(subject);
    const known = record && parseJson(Buffer.from(record.data).toString(), SleepSchema);
    if (record !== undefined && known !== undefined && known.toldRun !== run)
      return { sleep: known, sequence: record.sequence };
    const sleep = { wakeAtMs: Date.now() + durationMs };
    const sequence = await write(store, { owner, checkpoint }, sleep, record?.sequence ?? 0);
    if (sequence !== undefined) return { sleep, sequence };
  }
}

function tell(
  store: Store,
  { owner, checkpoint, sleep, sequence, run }: SleepKey & { sleep: Sleep; sequence: number },
): Promise<number | undefined> {
  return write(store, { owner, checkpoint }, { ...sleep, toldRun: run }, sequence);
}

function write(
  store: Store,
  { owner, checkpoint }: Omit<SleepKey, "run">,
  sleep: Sleep,
  ifSequence: number,
): Promise<number | undefined> {
  const fields = { [ID_FIELD]: idField(checkpoint) };
  return store.records.put(at.sleep(owner, checkpoint), JSON.stringify(sleep), { ifSequence, fields });
}

/** Waits for a time of the system's clock, which may be set meanwhile: a timer alone would not notice. */
const CLOCK_LOOK_MS = 60_000;

async function untilTime(timeMs: number, signal: AbortSignal): Promise<void> {
  for (let leftMs = timeMs - Date.now(); leftMs > 0; leftMs = timeMs - Date.now())
    await pause(Math.min(leftMs, CLOCK_LOOK_MS), undefined, { signal });
}
