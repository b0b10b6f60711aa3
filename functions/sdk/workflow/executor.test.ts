import { describe, expect, it } from "vitest";
import { millisecondsOf } from "./duration.ts";
import { Executor, type ExecutorOptions } from "./executor.ts";
import type { JournalMessage, WorkflowRecord } from "./messages.ts";
import { plainOf } from "./plain.ts";
import { createRandom, uuidOf } from "./random.ts";

const BEGINNING: JournalMessage[] = [{ seq: 1, at: 0, in: { t: "start" } }];

/** Runs code on a journal that takes every record. Default: an empty one. */
async function run(
  start: ExecutorOptions["start"],
  maxRecords?: number,
  messages: readonly JournalMessage[] = BEGINNING,
): Promise<WorkflowRecord[]> {
  const records: WorkflowRecord[] = [];
  const executor = new Executor({
    ...{ messages, start, isTakeover: messages.length > 1 },
    ...(maxRecords === undefined ? {} : { maxRecords }),
    signal: new AbortController().signal,
    random: () => Math.random,
    port: {
      now: () => 0,
      append: async (record) => records.push(record) + 1,
      turn: (_at, begin) =>
        new Promise((resolve) => {
          begin();
          setImmediate(resolve);
        }),
    },
  });
  await executor.run();
  return records;
}

describe("an executor", () => {
  it("records the last step's result and the end as one", async () => {
    const records = await run(async (state) => {
      await state.issue("step", "a", { effect: async () => 1 });
      return { state: "done", value: await state.issue("step", "b", { effect: async () => 2 }) };
    });
    expect(records).toMatchObject([
      {
        state: "running",
        did: [
          ["step", "a"],
          ["step", "b"],
        ],
        got: [[0, "ok", 1]],
      },
      { state: "done", got: [[1, "ok", 2]], value: 2 },
    ]);
  });

  it("appends nothing behind the end, when the answer of the executor that ended it was lost", async () => {
    const end: WorkflowRecord = {
      at: 0,
      seen: 1,
      state: "done",
      did: [["step", "a"]],
      got: [[0, "ok", 1]],
      value: 1,
    };
    const records = await run(
      async (state) => ({ state: "done", value: await state.issue("step", "a", { effect: async () => 1 }) }),
      undefined,
      [...BEGINNING, { seq: 2, at: 0, log: end }],
    );
    expect(records).toEqual([]);
  });

  it("ends a run whose journal is full, and suggests a new one", async () => {
    const records = await run(async (state) => {
      for (;;) await state.issue("step", "again", { effect: async () => 1 });
    }, 5);
    expect(records).toHaveLength(5);
    expect(records.at(-1)).toMatchObject({ state: "failed", fault: { code: "WORKFLOW_JOURNAL_FULL" } });
    expect(records.at(-1)?.fault?.message).toContain("ctx.continueAsNew(input)");
  });
});

describe("values of a journal", () => {
  it("come back as they will be read", () => {
    expect(plainOf({ at: new Date(0), none: undefined }, "it")).toEqual({ at: "1970-01-01T00:00:00.000Z" });
  });

  it.each([
    [{ a: [1, { b: Number.NaN }] }, "$.a[1].b is NaN"],
    [{ "a b": () => 1 }, '$["a b"] is a function'],
    [[undefined], "$[0] is undefined"],
    [{ map: new Map() }, "$.map is a Map"],
  ])("name their path where JSON would lose them: %j", (value, text) => {
    expect(() => plainOf(value, "it")).toThrow(text);
  });

  it("are no cycles", () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    expect(() => plainOf(cycle, "it")).toThrow("$.self is a part of itself");
  });
});

describe("durations", () => {
  it.each([
    [500, 500],
    ["30 seconds", 30_000],
    ["1 day", 86_400_000],
    ["1h 30m", 5_400_000],
    ["2 weeks, 1 day", 15 * 86_400_000],
  ])("%s are %i ms", (text, ms) => expect(millisecondsOf(text, "it")).toBe(ms));

  it.each(["", "soon", "1", "1 month", "-1s", "1h x", Number.NaN, -1])("%s is none", (text) => {
    expect(() => millisecondsOf(text, "it")).toThrow("is no duration");
  });
});

it("random numbers come again for a seed, and make UUIDs", () => {
  const [one, two, other] = ["a", "a", "b"].map(createRandom);
  const first = one?.();
  expect(first).toBe(two?.());
  expect(first).not.toBe(other?.());
  expect(uuidOf(createRandom("a"))).toMatch(
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
});
