import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MIB } from "../../../contracts/index.ts";
import { createCpuMeter } from "./cpu-meter.ts";
import { createWatchdog } from "./watchdog.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const meter = createCpuMeter({ usedMs: () => 0 });

function setUp() {
  let megabytes = 100;
  let isOverdue = false;
  const told: string[] = [];
  const watchdog = createWatchdog({ meter, now: () => Date.now(), rss: () => megabytes * MIB });
  const watch = (name: string, memoryMb = 32) =>
    watchdog.watch({
      memoryMb,
      worker: { ranMs: () => 0, settle: () => undefined, isOver: () => true },
      isOverdue: () => isOverdue,
      onLate: () => told.push(`${name} is late`),
      onGrowth: (bytes) => told.push(`${name} grew ${bytes / MIB}`),
    });
  return {
    told,
    watch,
    grow: (by: number) => {
      megabytes += by;
    },
    setOverdue: (is: boolean) => {
      isOverdue = is;
    },
  };
}

describe("the watchdog", () => {
  it("tells once of an entry that goes on after its CPU time, however long it has been at work", () => {
    const { told, watch, setOverdue } = setUp();
    watch("a").begin();
    vi.advanceTimersByTime(100_000);
    expect(told).toEqual([]);
    setOverdue(true);
    vi.advanceTimersByTime(1_000);
    expect(told).toEqual(["a is late"]);
  });

  it("waits for an end that is about to be heard", () => {
    const { told, watch, setOverdue } = setUp();
    const one = watch("a");
    one.begin();
    one.begin();
    setOverdue(true);
    vi.advanceTimersByTime(30);
    one.end();
    setOverdue(false);
    vi.advanceTimersByTime(1_000);
    expect(told).toEqual([]);
  });

  it("tells who was at work for longest when the process grows, and the next when that was not all", () => {
    const { told, watch, grow } = setUp();
    watch("first").begin();
    vi.advanceTimersByTime(40);
    watch("second").begin();
    vi.advanceTimersByTime(40);
    grow(255);
    vi.advanceTimersByTime(40);
    expect(told).toEqual([]);
    grow(2);
    vi.advanceTimersByTime(20);
    expect(told).toEqual(["first grew 257"]);
    vi.advanceTimersByTime(20);
    expect(told).toEqual(["first grew 257", "second grew 257"]);
  });

  it("does not tell of what is over, nor of growth before", () => {
    const { told, watch, grow } = setUp();
    const one = watch("a");
    one.begin();
    vi.advanceTimersByTime(40);
    one.end();
    grow(1_000);
    one.begin();
    vi.advanceTimersByTime(40);
    expect(told).toEqual([]);
    one.close();
    vi.advanceTimersByTime(40);
    expect(vi.getTimerCount()).toBe(0);
  });
});
