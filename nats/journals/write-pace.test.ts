import { expect, it } from "vitest";
import { WritePace } from "./write-pace.ts";

function paceOf(eachMs: number): WritePace {
  const pace = new WritePace();
  pace.noteAlone(eachMs, 0);
  return pace;
}

it.each([
  ["a server that syncs later, and many writes", 0.03, 32, false],
  ["a server that syncs each message, and one write", 0.3, 1, false],
  ["a server that syncs each message, and a few writes", 0.3, 8, false],
  ["a server that syncs each message, and many writes", 0.3, 32, true],
  ["a slow disk, and two writes", 5, 2, true],
])("groups for %s: %d ms each, %d under way: %s", (_what, eachMs, count, isSlow) => {
  expect(paceOf(eachMs).isSlow(count, 0)).toBe(isSlow);
});

it("goes back where batches are slower than the writes in them", () => {
  const pace = paceOf(0.2);
  expect(pace.isBatch(32, 0)).toBe(true);
  for (let count = 0; count < 10; count += 1) pace.noteBatch(12, 0);
  expect(pace.isBatch(32, 0)).toBe(false);
  expect(pace.isSlow(32, 0)).toBe(false);
  // Times change: after a while the next one is tried.
  pace.noteAlone(0.2, 11_000);
  expect(pace.isBatch(32, 11_000)).toBe(true);
});

it("tries no batch for a while where the server takes none", () => {
  const pace = paceOf(5);
  pace.noteUnfit(0);
  pace.noteAlone(5, 9_000);
  expect(pace.isSlow(100, 9_000)).toBe(false);
  pace.noteAlone(5, 11_000);
  expect(pace.isSlow(100, 11_000)).toBe(true);
});

it("measures single writes again now and then, where there are many", () => {
  const pace = paceOf(0.01);
  expect(pace.isSlow(32, 1_900)).toBe(false);
  expect(pace.isUnknown(2_100)).toBe(true);
  expect(pace.isBatch(32, 2_100)).toBe(false);
  expect([2, 7, 8].map((count) => pace.isSlow(count, 2_100))).toEqual([false, false, true]);
  // A trial without a result.
  expect(pace.isSlow(8, 2_200)).toBe(false);
  expect(pace.isSlow(8, 4_200)).toBe(true);
});
