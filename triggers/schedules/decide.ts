/**
 * The life of a schedule: pure functions from a state and an event to the next state.
 *
 * I1  `lastMs` never goes back: no tick is dealt with twice, also where a clock goes back.
 * I2  Each tick is handed out, waits in the queue, or is in a record as skipped or missed.
 * I3  Ticks of an outage run one after another under each rule of `overlap`, which is about ticks in time.
 */
import { isDeepStrictEqual } from "node:util";
import {
  type OpenRun,
  type RunRecord,
  type Schedule,
  type ScheduleState,
  tickId,
} from "../../contracts/index.ts";
import { dueTicks, type TickRule } from "../../ticks/index.ts";

export interface Decision {
  state: ScheduleState;
  /** Ticks that do not run. */
  records: RunRecord[];
}

/** How late a tick may be and still count as in time: a restart of all runners. */
export const GRACE_MS = 60_000;
/** Upper bound of the ticks that `missed: all` makes up for, and of the queue. */
const MAX_QUEUED = 1_000;
/** Upper bound of the runs at a time of a schedule. */
const MAX_OPEN = 100;

export interface Definition {
  definition: Schedule;
  specRevision: number;
}

/** A function has this definition. Undefined: nothing changes. */
export function decideDefinition(
  before: ScheduleState | undefined,
  { definition, specRevision }: Definition,
  rule: TickRule,
  nowMs: number,
): ScheduleState | undefined {
  if (before === undefined || before.isRemoved === true) {
    const fresh = { isPaused: false, open: [], queue: [] };
    return {
      ...fresh,
      specRevision,
      definition,
      anchorMs: nowMs,
      lastMs: nowMs,
      nextMs: nextOf(rule, nowMs, nowMs),
    };
  }
  if (before.specRevision > specRevision || isDeepStrictEqual(before.definition, definition))
    return undefined;
  const isSameRule = before.definition.cron === definition.cron && before.definition.zone === definition.zone;
  if (isSameRule) return { ...before, specRevision, definition };
  const lastMs = Math.max(before.lastMs, nowMs);
  const nextMs = before.isPaused ? null : nextOf(rule, lastMs, nowMs);
  return { ...before, specRevision, definition, anchorMs: nowMs, lastMs, nextMs };
}

/** The alarm rang. `nowMs`: the server's clock. */
export function decideDue(before: ScheduleState, rule: TickRule, nowMs: number): Decision {
  const { anchorMs, lastMs, definition } = before;
  const { ticks, hasOlder } = dueTicks(rule, { afterMs: lastMs, untilMs: nowMs, anchorMs, max: MAX_QUEUED });
  const newest = ticks.at(-1) ?? lastMs;
  const chosen = chosenOf(ticks, definition.missed, nowMs);
  const next = { ...before, lastMs: newest, nextMs: nextOf(rule, Math.max(newest, nowMs), anchorMs) };
  const missed = ticks.length - chosen.length;
  const records = missed > 0 || hasOlder ? [missedRecord(ticks, missed, hasOlder, nowMs)] : [];
  return chosen.reduce((decision, tick) => addTick(decision, tick, chosen.length > 1, nowMs), {
    state: next,
    records,
  });
}

function chosenOf(ticks: readonly number[], missed: Schedule["missed"], nowMs: number): readonly number[] {
  const newest = ticks.at(-1);
  if (newest === undefined || missed === "all") return ticks;
  return missed === "last" || nowMs - newest <= GRACE_MS ? [newest] : [];
}

function missedRecord(ticks: readonly number[], count: number, hasMore: boolean, nowMs: number): RunRecord {
  const tickMs = ticks[0] ?? nowMs;
  return { id: tickId(tickMs), outcome: "missed", tickMs, endedMs: nowMs, count, hasMore };
}

function addTick({ state, records }: Decision, tickMs: number, isOutage: boolean, nowMs: number): Decision {
  const isBusy = state.open.length > 0 || state.queue.length > 0;
  const { overlap } = state.definition;
  if (!isBusy) return { state: opened(state, tickMs), records };
  if (isOutage || overlap === "queue") {
    if (state.queue.length >= MAX_QUEUED) return skipped("the queue is full");
    return { state: { ...state, queue: [...state.queue, tickMs] }, records };
  }
  if (overlap === "skip") return skipped("the run before it was under way");
  if (state.open.length >= MAX_OPEN) return skipped(`${MAX_OPEN} runs were under way`);
  return { state: opened(state, tickMs), records };

  function skipped(reason: string): Decision {
    const record: RunRecord = { id: tickId(tickMs), outcome: "skipped", tickMs, endedMs: nowMs, reason };
    return { state, records: [...records, record] };
  }
}

function opened(state: ScheduleState, tickMs: number): ScheduleState {
  return { ...state, open: [...state.open, { id: tickId(tickMs), tickMs, isManual: false }] };
}

/** A run has ended, and its record is stored. Undefined: the state does not have it. */
export function decideEnd(before: ScheduleState, run: string): ScheduleState | undefined {
  const open = before.open.filter(({ id }) => id !== run);
  return open.length === before.open.length ? undefined : advanced({ ...before, open });
}

/** The next tick of the queue runs, if nothing does. */
function advanced(state: ScheduleState): ScheduleState {
  const [first, ...queue] = state.queue;
  if (first === undefined || state.open.length > 0 || state.isPaused) return state;
  return { ...opened(state, first), queue };
}

/** Undefined: it is paused already. */
export function decidePause(before: ScheduleState): ScheduleState | undefined {
  return before.isPaused ? undefined : { ...before, isPaused: true, nextMs: null };
}

/** Ticks of the pause do not run. Undefined: it is not paused. */
export function decideResume(
  before: ScheduleState,
  rule: TickRule,
  nowMs: number,
): ScheduleState | undefined {
  if (!before.isPaused) return undefined;
  const lastMs = Math.max(before.lastMs, nowMs);
  return advanced({ ...before, isPaused: false, lastMs, nextMs: nextOf(rule, lastMs, before.anchorMs) });
}

/** A run by hand: also while it is paused, and beside other runs. */
export function decideManual(before: ScheduleState, run: OpenRun): ScheduleState | undefined {
  return before.open.some(({ id }) => id === run.id) ? undefined : { ...before, open: [...before.open, run] };
}

export function decideRemoval(before: ScheduleState): ScheduleState {
  return { ...before, isRemoved: true, nextMs: null, open: [], queue: [] };
}

function nextOf(rule: TickRule, afterMs: number, anchorMs: number): number | null {
  return rule.next(afterMs, anchorMs) ?? null;
}
