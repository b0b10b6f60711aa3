import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { watchIdle } from "./idle-watch.ts";

const IDLE_MS = 100;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function start() {
  const state: { since: number | undefined; areStarting: boolean } = {
    since: Date.now(),
    areStarting: false,
  };
  const reports: number[] = [];
  const startedAt = Date.now();
  const stop = watchIdle({
    idleMs: IDLE_MS,
    idleSince: () => state.since,
    areStarting: () => state.areStarting,
    onIdle: () => reports.push(Date.now() - startedAt),
  });
  return { state, reports, stop };
}

it("reports after the idle time, and after each further one", () => {
  const { reports, stop } = start();
  vi.advanceTimersByTime(2 * IDLE_MS);
  expect(reports).toEqual([IDLE_MS, 2 * IDLE_MS]);
  stop();
  expect(vi.getTimerCount()).toBe(0);
});

it("waits while other instances start, and looks again whether it is idle", () => {
  const { state, reports } = start();
  state.areStarting = true;
  vi.advanceTimersByTime(5 * IDLE_MS);
  expect(reports).toEqual([]);
  state.areStarting = false;
  state.since = undefined;
  vi.advanceTimersByTime(5 * IDLE_MS);
  expect(reports).toEqual([]);
  state.since = Date.now();
  vi.advanceTimersByTime(1.5 * IDLE_MS);
  expect(reports).toHaveLength(1);
});

it("waits for starts three seconds at most", () => {
  const { state, reports } = start();
  state.areStarting = true;
  vi.advanceTimersByTime(10_000);
  expect(reports[0]).toBeGreaterThanOrEqual(3_000);
  expect(reports[0]).toBeLessThanOrEqual(3_000 + 2 * IDLE_MS);
});
