/** Schedules and their runs, for people and for programs. */
import { type RunRecord, tickId } from "../../contracts/index.ts";
import type { ScheduleSummary } from "../../triggers/index.ts";

/** A tick on the clock of its zone, and in UTC. */
export function timesOf(tickMs: number, zone = "UTC"): { local: string; utc: string } {
  const options = { timeZone: zone, dateStyle: "short", timeStyle: "medium" } as const;
  // Sweden writes 2026-11-30 03:00:00.
  const local = new Intl.DateTimeFormat("sv-SE", options).format(tickMs);
  return { local: `${local} ${zone}`, utc: tickId(tickMs) };
}

/** How a run ended, in a few words: `ok`, `failed HANDLER_THREW`, `missed 3`. */
export function describeRun({ outcome, code, reason, count, hasMore }: RunRecord): string {
  if (outcome === "missed") return `missed ${count}${hasMore ? " and more" : ""}`;
  const why = code ?? reason;
  return why === undefined ? outcome : `${outcome} ${why}`;
}

/** By how much a run began after its tick. */
export function lateness({ startedMs, tickMs, isManual }: RunRecord): string {
  return startedMs === undefined || isManual ? "" : `${Math.max(0, startedMs - tickMs)}ms`;
}

/** A run as programs read it: docs/json.md. */
export function factsOfRun({
  id,
  outcome,
  tickMs,
  startedMs,
  endedMs,
  hasMore,
  isManual,
  ...facts
}: RunRecord): object {
  return {
    ...{ run: id, outcome, tick: isoOf(tickMs), manual: isManual ?? false },
    ...(startedMs === undefined ? {} : { startedAt: isoOf(startedMs) }),
    endedAt: isoOf(endedMs),
    ...(hasMore === undefined ? {} : { more: hasMore }),
    ...facts,
  };
}

/** A schedule as programs read it: docs/json.md. */
export function factsOfSchedule({
  definition,
  upcoming,
  last,
  isSeen,
  isPaused,
  ...facts
}: ScheduleSummary): object {
  const { name: _name, zone = "UTC", ...settings } = definition;
  return {
    ...facts,
    ...settings,
    zone,
    seen: isSeen,
    paused: isPaused,
    next: upcoming.map((tick) => timesOf(tick, zone)),
    last: last === undefined ? null : factsOfRun(last),
  };
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
