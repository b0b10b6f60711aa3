/** Questions and orders of people: `narun schedule`. */
import {
  NarunError,
  nearest,
  type RunRecord,
  type Schedule,
  type ScheduleKey,
  type ScheduleState,
  scheduleName,
} from "../../contracts/index.ts";
import {
  findSchedules,
  type Nats,
  openSpecs,
  type ScheduleStore,
  type StoredSchedule,
} from "../../nats/index.ts";
import { readRule, type TickRule } from "../../ticks/index.ts";
import { decideManual, decidePause, decideResume } from "./decide.ts";
import { change } from "./schedule-book.ts";

/** A schedule as it is listed. */
export interface ScheduleSummary extends ScheduleKey {
  definition: Schedule;
  /** False: the function's spec has it, and no node has stored it yet. */
  isSeen: boolean;
  isPaused: boolean;
  /** The next ticks, in epoch milliseconds; none while it is paused. */
  upcoming: readonly number[];
  /** The ids of its runs under way. */
  running: readonly string[];
  /** Ticks that wait for the end of a run. */
  queued: number;
  last: RunRecord | undefined;
}

/** How many of the next ticks a schedule is shown with. */
const SHOWN_TICKS = 5;
/** The pause between two looks for the end of a run. */
const LOOK_MS = 200;

/** All schedules, or the schedules of a function, by their names: also the ones that no node has stored yet. */
export async function listSchedules(nats: Nats, name?: string): Promise<ScheduleSummary[]> {
  const store = await findSchedules(nats);
  const states = store === undefined ? [] : await Array.fromAsync(store.list(name));
  const stored = states.filter(({ state }) => state.isRemoved !== true);
  const seen = await Promise.all(stored.map(async (one) => summaryOf(one, await store?.lastRecord(one))));
  const unseen = await listUnseen(nats, seen, name);
  return [...seen, ...unseen].sort(
    (a, b) =>
      a.function.localeCompare(b.function) || a.schedule.localeCompare(b.schedule, "en", { numeric: true }),
  );
}

/** The schedules of specs that no node has stored. */
async function listUnseen(
  nats: Nats,
  seen: readonly ScheduleKey[],
  name: string | undefined,
): Promise<ScheduleSummary[]> {
  const isSeen = (key: ScheduleKey) =>
    seen.some((one) => one.function === key.function && one.schedule === key.schedule);
  const nowMs = Date.now();
  return (await (await openSpecs(nats)).list()).flatMap((read) => {
    if ((name !== undefined && read.key !== name) || !read.ok || read.value.kind !== "function") return [];
    return (read.value.spec.schedule ?? []).flatMap((definition, at): ScheduleSummary[] => {
      const key = { function: read.key, schedule: scheduleName(definition, at) };
      if (isSeen(key)) return [];
      const none = { isSeen: false, isPaused: false, running: [], queued: 0, last: undefined };
      const nextMs = ruleOf(definition, nowMs)?.next(nowMs, nowMs) ?? null;
      return [{ ...key, ...none, definition, upcoming: upcomingOf({ definition, nextMs, anchorMs: nowMs }) }];
    });
  });
}

/** A schedule and its kept runs, the oldest first. Error: SCHEDULE_NOT_FOUND. */
export async function showSchedule(
  nats: Nats,
  name: string,
  schedule?: string,
): Promise<{ summary: ScheduleSummary; runs: RunRecord[] }> {
  const { store, stored } = await find(nats, name, schedule);
  const runs = await store.records(stored);
  return { summary: summaryOf(stored, runs.at(-1)), runs };
}

/** No tick fires until `resumeSchedule`. False: it was paused already. Error: SCHEDULE_NOT_FOUND. */
export async function pauseSchedule(nats: Nats, name: string, schedule?: string): Promise<ScheduleOrder> {
  return order(nats, name, schedule, (state) => decidePause(state));
}

/** Ticks fire again, without the ticks of the pause. Error: SCHEDULE_NOT_FOUND. */
export async function resumeSchedule(nats: Nats, name: string, schedule?: string): Promise<ScheduleOrder> {
  return order(nats, name, schedule, (state, rule, nowMs) => decideResume(state, rule, nowMs));
}

/** Hands out a run, now; returns its id. It runs on the next node that has room. Error: SCHEDULE_NOT_FOUND. */
export async function runSchedule(
  nats: Nats,
  name: string,
  schedule?: string,
): Promise<{ key: ScheduleKey; id: string }> {
  const { store, stored } = await find(nats, name, schedule);
  const tickMs = await store.nowMs();
  const id = `manual-${crypto.randomUUID().slice(0, 8)}`;
  let tries = 0;
  await change(store, stored, async (before) => {
    tries += 1;
    // A lost answer may have been that of a state whose run has ended since: it is not handed out again.
    if (tries > 1 && (await store.records(stored)).some((record) => record.id === id)) return undefined;
    const state = before && decideManual(before, { id, tickMs, isManual: true });
    return state && { state };
  });
  return { key: { function: stored.function, schedule: stored.schedule }, id };
}

/** Resolves with the record of a run when it has ended; undefined where the signal aborts. */
export async function awaitRun(
  nats: Nats,
  key: ScheduleKey,
  id: string,
  signal: AbortSignal,
): Promise<RunRecord | undefined> {
  const store = await findSchedules(nats);
  while (store !== undefined && !signal.aborted) {
    const record = (await store.records(key)).find((one) => one.id === id);
    if (record !== undefined) return record;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return undefined;
}

export interface ScheduleOrder extends ScheduleKey {
  /** False: it was so before. */
  changed: boolean;
}

async function order(
  nats: Nats,
  name: string,
  schedule: string | undefined,
  decide: (state: ScheduleState, rule: TickRule, nowMs: number) => ScheduleState | undefined,
): Promise<ScheduleOrder> {
  const { store, stored } = await find(nats, name, schedule);
  const nowMs = await store.nowMs();
  const rule = ruleOf(stored.state.definition, nowMs);
  const changed = await change(store, stored, (before) => {
    const state = before && rule && decide(before, rule, nowMs);
    return state && { state };
  });
  return { function: stored.function, schedule: stored.schedule, changed: changed !== undefined };
}

/** The schedule of a name; without a name the function's only one. */
async function find(
  nats: Nats,
  name: string,
  schedule: string | undefined,
): Promise<{ store: ScheduleStore; stored: StoredSchedule }> {
  const store = await findSchedules(nats);
  const all = store === undefined ? [] : await Array.fromAsync(store.list());
  const there = all.filter(({ state }) => state.isRemoved !== true);
  const own = there.filter((one) => one.function === name);
  const stored = schedule === undefined ? own[0] : own.find((one) => one.schedule === schedule);
  if (store !== undefined && stored !== undefined && (schedule !== undefined || own.length === 1))
    return { store, stored };
  const unseen = await listUnseen(nats, own, name);
  const isUnseen = unseen.some((one) => schedule === undefined || one.schedule === schedule);
  const why = isUnseen ? `no node has seen the push of ${name} yet` : whyNotFound(name, schedule, own, there);
  throw new NarunError("SCHEDULE_NOT_FOUND", { detail: why, name });
}

function whyNotFound(
  name: string,
  schedule: string | undefined,
  own: readonly ScheduleKey[],
  all: readonly ScheduleKey[],
): string {
  if (own.length > 0) {
    const names = own.map((one) => one.schedule).join(", ");
    return schedule === undefined
      ? `${name} has several: ${names}; name one: \`narun schedule ACTION ${name} ${own[0]?.schedule}\``
      : `${name} has no schedule ${schedule}; it has ${names}`;
  }
  const similar = nearest(name, new Set(all.map((one) => one.function)));
  return `${name} has no schedules${similar === undefined ? "" : `; did you mean ${similar}?`}`;
}

function summaryOf({ state, ...key }: StoredSchedule, last: RunRecord | undefined): ScheduleSummary {
  const { definition, isPaused, open, queue } = state;
  return {
    ...{ function: key.function, schedule: key.schedule, definition, isSeen: true, isPaused, last },
    upcoming: upcomingOf(state),
    running: open.map(({ id }) => id),
    queued: queue.length,
  };
}

function upcomingOf({
  definition,
  nextMs,
  anchorMs,
}: Pick<ScheduleState, "definition" | "nextMs" | "anchorMs">): number[] {
  const ticks: number[] = [];
  const rule = nextMs === null ? undefined : ruleOf(definition, nextMs);
  for (let next: number | undefined = nextMs ?? undefined; next !== undefined; ) {
    ticks.push(next);
    next = ticks.length < SHOWN_TICKS ? rule?.next(next, anchorMs) : undefined;
  }
  return ticks;
}

function ruleOf({ cron, zone }: Schedule, nowMs: number): TickRule | undefined {
  const reading = readRule(cron, zone, nowMs);
  return reading.ok ? reading.rule : undefined;
}
