/**
 * Changes of the states of schedules, and all that follows from them.
 *
 * I1  A change is decided on the last state, and written by compare-and-set; a change that lost is decided anew.
 * I2  Records of ticks that do not run are stored before the state that passes the ticks: a failure between the two writes them
 *     again, under the same id.
 * I3  After a state its runs are sent, and then its alarm. A process that dies before that leaves them to the next reader of its
 *     message, and to the next look at all states (`repair`). The alarm is last: it replaces the message of the one before.
 */
import type { RunRecord, ScheduleKey, ScheduleState } from "../../contracts/index.ts";
import type { ScheduleMessages, ScheduleStore, StoredSchedule } from "../../nats/index.ts";

/** The state after a change, and records of ticks that do not run. Undefined: no change. */
export type Decide = (
  before: ScheduleState | undefined,
) => Decided | undefined | Promise<Decided | undefined>;

export interface Decided {
  state: ScheduleState;
  records?: readonly RunRecord[];
}

/** How often a change is decided anew. The others that changed the state each got on. */
const MAX_CONFLICTS = 50;

/** How long after its time an alarm that is there has not rung for a clock that was moved. */
const OVERDUE_MS = 60_000;

/** Changes a state, if `decide` wants it. Returns the new state; undefined where it did not change. */
export async function change(
  store: ScheduleStore,
  key: ScheduleKey,
  decide: Decide,
): Promise<StoredSchedule | undefined> {
  for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts++) {
    const stored = await store.read(key);
    const decision = await decide(stored?.state);
    if (decision === undefined) return undefined;
    const { state, records = [] } = decision;
    for (const record of records) await store.record(key, record);
    const seq = await store.write(key, state, stored?.seq ?? 0);
    if (seq === undefined) continue;
    await sendWhatIsNew(store, key, stored?.state, { ...key, state, seq });
    return { ...key, state, seq };
  }
  throw new Error(`schedule ${key.function}/${key.schedule}: its state changed ${MAX_CONFLICTS} times`);
}

async function sendWhatIsNew(
  store: ScheduleStore,
  key: ScheduleKey,
  before: ScheduleState | undefined,
  after: StoredSchedule,
): Promise<void> {
  const known = new Set(before?.open.map(({ id }) => id));
  for (const { id } of after.state.open) if (!known.has(id)) await store.handOut(key, id);
  if (after.state.nextMs !== before?.nextMs) await setAlarm(store, after);
}

/** A later state may have the same next tick, and leave the alarm to the one before. */
async function setAlarm(store: ScheduleStore, stored: StoredSchedule): Promise<void> {
  const { nextMs } = stored.state;
  for (
    let last: StoredSchedule | undefined = stored;
    last?.state.nextMs === nextMs;
    last = await store.read(stored)
  ) {
    if (nextMs === null || (await store.setAlarm(stored, nextMs, last.seq))) return;
  }
}

/**
 * Sends the alarm and the runs of a state that are not there. `messages` were read after the state. `isHandled`: the alarm that
 * rang is in the caller's hands, and goes with it.
 */
export async function repair(
  store: ScheduleStore,
  stored: StoredSchedule,
  messages: ScheduleMessages,
  { isHandled = false }: { isHandled?: boolean } = {},
): Promise<void> {
  const { nextMs, open } = stored.state;
  const isOverdue = nextMs !== null && messages.nowMs - nextMs > OVERDUE_MS;
  const isSet = messages.hasAlarm(stored) || (!isHandled && messages.hasDue(stored));
  for (const { id } of open) if (!messages.hasRun(stored, id)) await store.handOut(stored, id);
  if (nextMs !== null && (isOverdue || !isSet)) await setAlarm(store, stored);
}
