import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createWatchdog } from "./watchdog.ts";

const MIB = 1024 * 1024;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function setUp() {
  let megabytes = 100;
  let leftMs = 10_000;
  const told: string[] = [];
  const watchdog = createWatchdog({ now: () => Date.now(), rss: () => megabytes * MIB });
  const watch = (name: string, memoryMb = 32) =>
    watchdog.watch({
      memoryMb,
      leftMs: () => leftMs,
      onLate: () => told.push(`${name} is late`),
      onGrowth: (bytes) => told.push(`${name} grew ${bytes / MIB}`),
    });
  return {
    told,
    watch,
    grow: (by: number) => {
      megabytes += by;
    },
    leave: (ms: number) => {
      leftMs = ms;
    },
  };
}

describe("the watchdog", () => {
  it("tells once of an entry that goes on after its time", () => {
    const { told, watch } = setUp();
    watch("a").begin(200);
    vi.advanceTimersByTime(240);
    expect(told).toEqual([]);
    vi.advanceTimersByTime(1_000);
    expect(told).toEqual(["a is late"]);
  });

  it("tells of an entry that goes on after what entries before it have left of its time", () => {
    const { told, watch, leave } = setUp();
    const one = watch("a");
    one.begin(200);
    one.begin(200);
    vi.advanceTimersByTime(190);
    one.end();
    leave(10);
    vi.advanceTimersByTime(50);
    expect(told).toEqual(["a is late"]);
  });

  it("counts the time of an entry from the end of the one before", () => {
    const { told, watch } = setUp();
    const one = watch("a");
    one.begin(200);
    one.begin(200);
    vi.advanceTimersByTime(190);
    one.end();
    vi.advanceTimersByTime(190);
    one.end();
    vi.advanceTimersByTime(1_000);
    expect(told).toEqual([]);
  });

  it("tells who was at work for longest when the process grows, and the next when that was not all", () => {
    const { told, watch, grow } = setUp();
    watch("first").begin(10_000);
    vi.advanceTimersByTime(40);
    watch("second").begin(10_000);
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
    one.begin(10_000);
    vi.advanceTimersByTime(40);
    one.end();
    grow(1_000);
    one.begin(10_000);
    vi.advanceTimersByTime(40);
    expect(told).toEqual([]);
    one.close();
    vi.advanceTimersByTime(40);
    expect(vi.getTimerCount()).toBe(0);
  });
});
