import { describe, expect, it } from "vitest";
import { type Bucket, decideTake, RateLimits } from "./rate-limits.ts";

/** How many of the takes at the given times, in milliseconds, get a token. */
function taken(rule: { limit: number; periodSeconds: number }, timesMs: readonly number[]): boolean[] {
  let bucket: Bucket | undefined;
  return timesMs.map((atMs) => {
    const decided = decideTake(bucket, rule, atMs);
    bucket = decided.bucket;
    return decided.success;
  });
}

describe("a token bucket", () => {
  const threeIn30 = { limit: 3, periodSeconds: 30 };
  it.each([
    { rule: threeIn30, at: [0, 0, 0, 0], got: [true, true, true, false], says: "begins full" },
    {
      rule: threeIn30,
      at: [0, 0, 0, 9_999, 10_000, 10_000],
      got: [true, true, true, false, true, false],
      says: "fills evenly",
    },
    {
      rule: threeIn30,
      at: [0, 1e9, 1e9, 1e9, 1e9],
      got: [true, true, true, true, false],
      says: "is never more than full",
    },
    {
      rule: { limit: 1, periodSeconds: 10 },
      at: [0, 5_000, 9_999, 10_000],
      got: [true, false, false, true],
      says: "may have one token",
    },
  ])("$says", ({ rule, at, got }) => expect(taken(rule, at)).toEqual(got));

  it("loses no token to rounding", () => {
    const times = Array.from({ length: 3_000 }, (_, count) => 1e9 + (count * 1_000) / 3);
    expect(taken({ limit: 3, periodSeconds: 1 }, times).every(Boolean)).toBe(true);
  });
});

describe("the rate limits of a host", () => {
  const use = (key: string, more = {}) => ({
    function: "fn",
    binding: "LIMIT",
    key,
    limit: 1,
    periodSeconds: 10,
    ...more,
  });

  it("keep functions, bindings and keys apart", () => {
    const limits = new RateLimits();
    expect(limits.take(use("a"), 0)).toBe(true);
    expect(limits.take(use("a"), 0)).toBe(false);
    expect(limits.take(use("b"), 0)).toBe(true);
    expect(limits.take(use("a", { binding: "OTHER" }), 0)).toBe(true);
    expect(limits.take(use("a", { function: "other" }), 0)).toBe(true);
  });

  it("apply a changed rule to the tokens that are left", () => {
    const limits = new RateLimits();
    for (let count = 0; count < 10; count++) limits.take(use("a", { limit: 10 }), 0);
    expect(limits.take(use("a", { limit: 1_000 }), 9)).toBe(false);
    expect(limits.take(use("a", { limit: 1_000 }), 10)).toBe(true);
  });

  it("drop the key that was used least recently, where there are too many", () => {
    const limits = new RateLimits();
    limits.take(use("kept"), 0);
    limits.take(use("dropped"), 0);
    limits.take(use("kept"), 1);
    for (let count = 0; count < 9_999; count++) limits.take(use(`key ${count}`), 2);
    expect(limits.take(use("kept"), 3)).toBe(false);
    expect(limits.take(use("dropped"), 3)).toBe(true);
  });
});
