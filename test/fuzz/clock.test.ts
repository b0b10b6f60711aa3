import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startClock } from "./clock.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("the time of a script is over after 20 seconds", async () => {
  using clock = startClock();
  await vi.advanceTimersByTimeAsync(19_000);
  expect(clock.limit.aborted).toBe(false);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(clock.limit.aborted).toBe(true);
  await clock.over;
  expect(clock.state).toBe("20 ticks in 20 s, 0 of them late");
});

test("seconds in which the process stood still are none of a script", async () => {
  let stoodStillMs = 0;
  using clock = startClock(() => performance.now() + stoodStillMs);
  for (let count = 0; count < 30; count++) {
    stoodStillMs += 60_000;
    await vi.advanceTimersByTimeAsync(1_000);
  }
  expect(clock.ranTicks).toBe(0);
  expect(clock.limit.aborted).toBe(false);
  expect(clock.state).toBe("30 ticks in 1830 s, 30 of them late");
  await vi.advanceTimersByTimeAsync(20_000);
  expect(clock.limit.aborted).toBe(true);
});
