import { expect, it } from "vitest";
import { callLimit } from "./call-limit.ts";

const starts = Array.from({ length: 100 }, (_, at) => 1_234.5 + at * 0.987);

it("is no shorter than the time of the call, and hardly longer", () => {
  for (const nowMs of starts) {
    expect(callLimit(500, nowMs)).toBeGreaterThanOrEqual(500);
    expect(callLimit(500, nowMs)).toBeLessThanOrEqual(600);
  }
});

it("ends within the same millisecond for the calls of a tenth of a second", () => {
  const ends = starts.map((nowMs) => Math.floor(nowMs + callLimit(500, nowMs)));
  expect(new Set(ends).size).toBeLessThanOrEqual(2);
});
