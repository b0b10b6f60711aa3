import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Deadlines, type Timed } from "./deadlines.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("tells each request that is open past its limit, soon after it, and has one timer", () => {
  const open = new Set<Timed>();
  const deadlines = new Deadlines(() => open);
  const told: [limitMs: number, lateMs: number][] = [];
  const add = (waitMs: number) => {
    const endsAtMs = performance.now() + waitMs;
    const request = {
      endsAtMs,
      onDeadline() {
        open.delete(request);
        told.push([waitMs, performance.now() - endsAtMs]);
      },
    };
    open.add(request);
    deadlines.expect(endsAtMs);
    return request;
  };
  for (const waitMs of [30_000, 10, 20.5, 21, 5_000, 1, 0, -5]) add(waitMs);
  open.delete(add(15));
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(31_000);
  expect(told.map(([limitMs]) => limitMs)).toEqual([0, -5, 1, 10, 20.5, 21, 5_000, 30_000]);
  for (const [, lateMs] of told) {
    expect(lateMs).toBeGreaterThanOrEqual(0);
    expect(lateMs).toBeLessThanOrEqual(7);
  }
  expect(vi.getTimerCount()).toBe(0);
});

it("looks rarely while requests come and go", () => {
  const deadlines = new Deadlines(() => []);
  const look = vi.spyOn(performance, "now");
  for (let n = 0; n < 1_000; n++) deadlines.expect(30_000 + n);
  expect(look).toHaveBeenCalledTimes(1);
  deadlines.close();
  expect(vi.getTimerCount()).toBe(0);
});
