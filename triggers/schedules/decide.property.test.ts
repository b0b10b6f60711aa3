/**
 * A schedule's states beside a model: a clock that goes on, stands still and goes back, alarms that ring late, twice or too early,
 * runs that end in any order, pauses, runs by hand and new definitions.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type RunRecord,
  type Schedule,
  ScheduleSchema,
  type ScheduleState,
  tickId,
} from "../../contracts/index.ts";
import { readRule, type TickRule } from "../../ticks/index.ts";
import {
  decideDefinition,
  decideDue,
  decideEnd,
  decideManual,
  decidePause,
  decideResume,
  GRACE_MS,
} from "./decide.ts";

const START = Date.parse("2026-10-24T22:00:00Z");
const CRONS = ["* * * * * *", "*/5 * * * *", "30 2 * * *", "0 * * * *", "@every 90s"];

function ruleOf({ cron, zone }: Schedule): TickRule {
  const reading = readRule(cron, zone, START);
  if (!reading.ok) throw new Error(reading.issue);
  return reading.rule;
}

const definitions = fc
  .record({
    cron: fc.constantFrom(...CRONS),
    missed: fc.constantFrom("skip", "last", "all"),
    overlap: fc.constantFrom("allow", "skip", "queue"),
  })
  .map((one) =>
    ScheduleSchema.parse(one.cron.startsWith("@every") ? one : { ...one, zone: "Europe/Berlin" }),
  );

type Step =
  | { do: "wait"; ms: number }
  | { do: "ring" | "pause" | "resume" | "manual" }
  | { do: "end"; which: number }
  | { do: "define"; definition: Schedule };

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 900_000 }) }),
  },
  { weight: 1, arbitrary: fc.constantFrom(-3_600_000, 1_000_000).map((ms) => ({ do: "wait" as const, ms })) },
  { weight: 5, arbitrary: fc.constant({ do: "ring" as const }) },
  { weight: 3, arbitrary: fc.nat(5).map((which) => ({ do: "end" as const, which })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("pause", "resume", "manual").map((one) => ({ do: one as "pause" })),
  },
  { weight: 1, arbitrary: definitions.map((definition) => ({ do: "define" as const, definition })) },
);

/** The ticks of a schedule, by their fate. */
class Seen {
  readonly runs: string[] = [];
  readonly skipped: string[] = [];
  missed = 0;

  note(before: ScheduleState | undefined, after: ScheduleState, records: readonly RunRecord[]): void {
    const known = new Set(before?.open.map(({ id }) => id));
    for (const { id } of after.open) if (!known.has(id)) this.runs.push(id);
    for (const { outcome, id, count = 0 } of records) {
      if (outcome === "missed") this.missed += count;
      else this.skipped.push(id);
    }
  }
}

describe("the states of a schedule", () => {
  it("hand out, skip or count each tick once, never go back, and always have the next alarm", () => {
    const property = fc.property(definitions, fc.array(steps, { maxLength: 60 }), (first, all) => {
      let rule = ruleOf(first);
      let nowMs = START;
      let manual = 0;
      let specRevision = 1;
      const seen = new Seen();
      let state = decideDefinition(undefined, { definition: first, specRevision }, rule, nowMs);
      if (state === undefined) throw new Error("a new schedule has a state");
      const move = (next: ScheduleState | undefined, records: readonly RunRecord[] = []) => {
        if (next === undefined || state === undefined) return;
        expect(next.lastMs).toBeGreaterThanOrEqual(state.lastMs);
        if (state.queue.length > 0 && next.queue.length < state.queue.length && next.open.length > 0)
          expect(next.queue).toEqual(state.queue.slice(1));
        seen.note(state, next, records);
        state = next;
        if (state.isPaused) expect(state.nextMs).toBe(null);
        else {
          expect(state.nextMs).toBe(
            rule.next(Math.max(state.lastMs, (state.nextMs ?? 0) - 1), state.anchorMs),
          );
          expect(state.nextMs ?? 0).toBeGreaterThan(state.lastMs);
        }
      };
      for (const step of all) {
        switch (step.do) {
          case "wait":
            nowMs += step.ms;
            break;
          case "ring": {
            const next = decideDue(state, rule, nowMs);
            if (!state.isPaused) move(next.state, next.records);
            break;
          }
          case "end": {
            const run = state.open[step.which % Math.max(1, state.open.length)];
            if (run !== undefined) move(decideEnd(state, run.id));
            break;
          }
          case "pause":
            move(decidePause(state));
            break;
          case "resume":
            move(decideResume(state, rule, nowMs));
            break;
          case "manual":
            manual += 1;
            move(decideManual(state, { id: `manual-${manual}`, tickMs: nowMs, isManual: true }));
            break;
          case "define": {
            specRevision += 1;
            rule = ruleOf(step.definition);
            const next = decideDefinition(state, { definition: step.definition, specRevision }, rule, nowMs);
            if (next === undefined) expect(state.definition).toEqual(step.definition);
            move(next);
            break;
          }
        }
      }
      const ids = [...seen.runs, ...seen.skipped];
      expect(new Set(ids).size).toBe(ids.length);
    });
    fc.assert(property, { numRuns: Number(process.env.NARUN_TEST_RUNS ?? 150) });
  });

  it("deal with each tick of an outage as `missed` says, in order", () => {
    const property = fc.property(
      definitions,
      fc.integer({ min: 0, max: 90_000 }),
      fc.boolean(),
      (definition, awayMs, isBusy) => {
        const rule = ruleOf(definition);
        const fresh = decideDefinition(undefined, { definition, specRevision: 1 }, rule, START);
        if (fresh?.nextMs == null) throw new Error("a new schedule has an alarm");
        const open = isBusy ? [{ id: "manual-1", tickMs: START, isManual: true }] : [];
        const nowMs = fresh.nextMs + awayMs;
        const due: number[] = [];
        for (let at = rule.next(START, START); at !== undefined && at <= nowMs; at = rule.next(at, START))
          due.push(at);
        const newest = due.at(-1) ?? 0;
        const { state, records } = decideDue({ ...fresh, open }, rule, nowMs);
        const chosen = {
          skip: nowMs - newest <= GRACE_MS ? [newest] : [],
          last: [newest],
          all: due,
        }[definition.missed];
        const skipped = records.filter(({ outcome }) => outcome === "skipped").map(({ tickMs }) => tickMs);
        const taken = state.open.filter(({ isManual }) => !isManual).map(({ tickMs }) => tickMs);
        expect([...taken, ...state.queue, ...skipped]).toEqual(chosen);
        expect(taken.length).toBeLessThanOrEqual(1);
        if (chosen.length > 1) expect(skipped).toEqual([]);
        const missed = records.find(({ outcome }) => outcome === "missed");
        expect(missed?.count ?? 0).toBe(due.length - chosen.length);
        expect(state.nextMs).toBe(rule.next(nowMs, START));
        // The queue goes on as runs end, and ends.
        let at: ScheduleState | undefined = state;
        const order = state.open.map(({ id }) => id);
        for (let id = order[0]; id !== undefined && at !== undefined; id = at?.open.at(-1)?.id) {
          at = decideEnd(at, id);
          if (at?.open.length === 1) order.push(at.open[0]?.id ?? "");
        }
        expect(at?.queue ?? []).toEqual([]);
        if (!isBusy) expect(order).toEqual(chosen.filter((tick) => !skipped.includes(tick)).map(tickId));
      },
    );
    fc.assert(property, { numRuns: Number(process.env.NARUN_TEST_RUNS ?? 100) });
  });
});

describe("a change of the clock", () => {
  const definition = ScheduleSchema.parse({ cron: "0 * * * *", missed: "all" });
  const rule = ruleOf(definition);
  const at = (time: string) => Date.parse(`2026-11-30T${time}:00Z`);

  it("repeats no tick when it goes back by an hour", () => {
    const fresh = decideDefinition(undefined, { definition, specRevision: 1 }, rule, at("00:30"));
    if (fresh === undefined) throw new Error("a new schedule has a state");
    const first = decideDue(fresh, rule, at("01:00")).state;
    expect(first).toMatchObject({ open: [{ id: "2026-11-30T01:00:00Z" }], nextMs: at("02:00") });
    // At 01:10 the clock is set to 00:10: an alarm that rings now, and at 01:00 again, is no new tick.
    for (const again of ["00:10", "01:00", "01:59"])
      expect(decideDue(first, rule, at(again)).state).toEqual(first);
    expect(decideDue(first, rule, at("02:00")).state.nextMs).toBe(at("03:00"));
  });
});
