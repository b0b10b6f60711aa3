import { expect, test } from "vitest";
import { formatAge, formatTime } from "./format-time.ts";

const now = new Date(2026, 10, 21, 12, 30, 5, 42);

test.each([
  [0, "0s"],
  [-5_000, "0s"],
  [59_999, "59s"],
  [60_000, "1m"],
  [3_599_000, "59m"],
  [7_200_000, "2h"],
  [200_000_000, "2d"],
])("an age of %i ms is %s", (ageMs, shown) => {
  expect(formatAge(new Date(now.getTime() - ageMs).toISOString(), now.getTime())).toBe(shown);
});

test("a moment of today is shown by the local clock, one of another day with its date", () => {
  expect(formatTime(now.toISOString(), now.getTime())).toBe("12:30:05.042");
  expect(formatTime(new Date(2026, 10, 9, 1, 2, 3, 4).toISOString(), now.getTime())).toBe(
    "2026-11-09 01:02:03.004",
  );
});

test("what is no moment is a dash", () => {
  expect([formatAge("soon"), formatTime("soon")]).toEqual(["-", "-"]);
});
