import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createTraffic } from "./traffic.ts";

const MIB = 1024 * 1024;

describe("traffic", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("bounds the heap's growth while bodies pass in bulk, and no longer", () => {
    const flags: string[] = [];
    const traffic = createTraffic((flag) => flags.push(flag));
    for (let n = 0; n < 10; n++) traffic.passed(MIB);
    expect(flags).toEqual(["--heap-growing-percent=50"]);
    vi.advanceTimersByTime(1_000);
    traffic.passed(3 * MIB);
    vi.advanceTimersByTime(1_000);
    expect(flags).toHaveLength(1);
    vi.advanceTimersByTime(1_000);
    expect(flags).toEqual(["--heap-growing-percent=50", "--heap-growing-percent=0"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("leaves V8 alone where little passes", () => {
    const flags: string[] = [];
    const traffic = createTraffic((flag) => flags.push(flag));
    for (let second = 0; second < 5; second++) {
      traffic.passed(MIB);
      vi.advanceTimersByTime(1_000);
    }
    traffic.close();
    expect(flags).toEqual([]);
  });
});
