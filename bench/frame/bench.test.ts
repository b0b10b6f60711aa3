import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { Bench, NO_BESIDE, samplesOf } from "./bench.ts";
import { formatTable } from "./table.ts";

const createBench = (isQuick: boolean, beside?: string) =>
  new Bench({ isQuick, beside, out: new PassThrough() });
const row = { name: "row", unit: "ms", targets: [{ atMost: 10 }, { atMost: 1, of: "beside" }] };

describe("a run of the bench", () => {
  it("measures the systems in turns, five times each, and twice in the quick form", async () => {
    for (const [isQuick, rounds] of [
      [false, 5],
      [true, 2],
    ] as const) {
      const order: string[] = [];
      const measure = (name: string) => async () => order.push(name);
      const turns = await createBench(isQuick).inTurns({ a: measure("a"), b: measure("b") });
      expect(order).toEqual(Array.from({ length: rounds }, () => ["a", "b"]).flat());
      expect(turns.get("b")).toEqual(Array.from({ length: rounds }, (_, round) => 2 * round + 2));
    }
  });

  it("has another checkout beside this one if it is named", () => {
    expect(Object.keys(createBench(false).roots)).toEqual(["narun"]);
    expect(createBench(false, "/other").roots.beside).toBe("/other");
  });

  it("judges the figures of a row, and skips the targets of an absent peer with the reason", () => {
    const bench = createBench(false);
    const turns = new Map([["narun", [8, 9, 30]]]);
    bench.record(
      row,
      samplesOf(turns, (value) => ({ value })),
    );
    expect(bench.results[0]).toMatchObject({
      figures: { narun: { median: 9 } },
      targets: [{ verdict: "reached" }, { verdict: "skipped", why: NO_BESIDE }],
    });
  });

  it("takes twice an upper bound in the quick form", () => {
    const bench = createBench(true);
    bench.record(row, { narun: [{ value: 20 }] });
    bench.record(row, { narun: [{ value: 21 }] });
    expect(bench.results.map(({ targets }) => targets[0]?.verdict)).toEqual(["reached", "missed"]);
  });

  it("measures a part of a section a second time alone", async () => {
    const bench = createBench(true);
    const figures = { first: [1, 1].values(), second: [100, 100].values() };
    const times = { first: 0, second: 0 };
    await bench.section("section", async () => {
      for (const name of ["first", "second"] as const)
        await bench.part(name, async () => {
          times[name] += 1;
          const { value = 0 } = figures[name].next();
          bench.record({ ...row, name, targets: [{ atMost: 10 }] }, { narun: [{ value }] });
        });
    });
    expect(times).toEqual({ first: 1, second: 2 });
    expect(bench.results.map(({ name, targets }) => [name, targets[0]?.verdict])).toEqual([
      ["first", "reached"],
      ["second", "missed"],
    ]);
  });

  it("measures a section a second time if a quick measurement misses, and a row misses if both do", async () => {
    for (const isQuick of [true, false]) {
      const bench = createBench(isQuick);
      const figures = [
        { noisy: 100, slow: 100, late: 1 },
        { noisy: 1, slow: 100, late: 100 },
      ].values();
      await bench.section("section", async () => {
        const { value: measured = {} } = figures.next();
        for (const [name, value] of Object.entries<number>(measured))
          bench.record({ ...row, name, targets: [{ atMost: 10 }] }, { narun: [{ value }] });
      });
      const verdicts = bench.results.map(({ name, targets }) => `${name} ${targets[0]?.verdict}`);
      expect(verdicts).toEqual(
        isQuick
          ? ["noisy reached", "slow missed", "late reached"]
          : ["noisy missed", "slow missed", "late reached"],
      );
    }
  });

  it("misses with a section that ends with an error each time", async () => {
    const bench = createBench(true);
    let measured = 0;
    await bench.section("section", async () => {
      measured += 1;
      throw new Error("no answer");
    });
    expect(measured).toBe(2);
    expect(bench.results).toMatchObject([{ name: "section", error: "no answer" }]);
  });

  it("has a line for each target of a row, also of one that failed or was skipped", () => {
    const bench = createBench(false);
    bench.record(row, { narun: [{ value: 8 }], beside: [{ value: 16 }] });
    bench.skip({ name: "other", unit: "ms", targets: [{ atLeast: 2 }] }, "wrk is not installed");
    bench.fail("section", new Error("no answer"));
    expect(formatTable(bench.results)).toBe(
      [
        "row      narun    target        measured  verdict",
        "row      8.00 ms  ≤ 10 ms                 reached",
        "row      8.00 ms  ≤ 1 × beside  0.500 ×   reached",
        "other             ≥ 2 ms                  skipped: wrk is not installed",
        "section                                   failed: no answer",
        "",
      ].join("\n"),
    );
  });
});
