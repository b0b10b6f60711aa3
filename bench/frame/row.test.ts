import { describe, expect, it } from "vitest";
import { figureOf, hasMissed, judge, type Target } from "./row.ts";

const figures = {
  narun: figureOf([{ value: 90 }, { value: 100 }, { value: 120 }]),
  peer: figureOf([{ value: 80 }]),
  faulty: figureOf([{ value: 10, errors: 3 }]),
};
const judgeBy = (target: Target, slack = 1) =>
  judge(figures, target, { slack, whyAbsent: (peer) => `no ${peer}` });

describe("a row", () => {
  it("has the median, the spread and the errors of its samples", () => {
    expect(figureOf([{ value: 90 }, { value: 120, errors: 1 }, { value: 100 }])).toEqual({
      median: 100,
      spread: 0.3,
      errors: 1,
    });
  });

  it.each([
    [{ atLeast: 1.25, of: "peer" }, 1, "reached"],
    [{ atLeast: 1.26, of: "peer" }, 1, "missed"],
    [{ atLeast: 2.5, of: "peer" }, 2, "reached"],
    [{ atMost: 1.2, of: "peer" }, 1, "missed"],
    [{ atMost: 0.7, of: "peer" }, 2, "reached"],
    [{ atMost: 100 }, 1, "reached"],
    [{ atMost: 99 }, 1, "missed"],
  ] satisfies [Target, number, string][])("judges %j with slack %d: %s", (target, slack, verdict) => {
    expect(judgeBy(target, slack)).toMatchObject({ verdict });
  });

  it("takes how far a figure is behind into the quick form alone", () => {
    const target: Target = { atLeast: 2.6, of: "peer", behind: 1.5 };
    expect([1, 2].map((slack) => judgeBy(target, slack).verdict)).toEqual(["missed", "reached"]);
    expect(judgeBy({ ...target, behind: 1 }, 2).verdict).toBe("missed");
  });

  it("skips a target whose peer is absent, with the reason", () => {
    expect(judgeBy({ atLeast: 1, of: "other" })).toMatchObject({ verdict: "skipped", why: "no other" });
  });

  it("misses a target with errors of either system", () => {
    expect(judgeBy({ atLeast: 1, of: "faulty" })).toMatchObject({ verdict: "missed", why: "3 errors" });
  });

  it("fails the run by a missed target or an error only", () => {
    const result = { name: "row", unit: "ms", figures };
    const [missed, skipped] = [judgeBy({ atMost: 1 }), judgeBy({ atMost: 1, of: "other" })];
    expect(hasMissed([{ ...result, targets: [skipped] }])).toBe(false);
    expect(hasMissed([{ ...result, targets: [skipped, missed] }])).toBe(true);
    expect(hasMissed([{ ...result, targets: [], error: "no answer" }])).toBe(true);
  });
});
