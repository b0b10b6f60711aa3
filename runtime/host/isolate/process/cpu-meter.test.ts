import { describe, expect, it } from "vitest";
import { createCpuMeter, shareOf, type Worker } from "./cpu-meter.ts";

function setUp() {
  let usedMs = 0;
  let nowMs = 0;
  let mainMs = 0;
  let threads = 1;
  const crowd = () => ({ threads, cores: 2 });
  const meter = createCpuMeter({ usedMs: () => usedMs, mainMs: () => mainMs, now: () => nowMs, crowd });
  const worker = () => {
    const state = { ranMs: 0, spentMs: 0, isOver: false };
    const made: Worker = {
      ranMs: () => state.ranMs,
      settle(share) {
        state.spentMs += state.ranMs * share;
        state.ranMs = 0;
      },
      isOver: () => state.isOver,
    };
    meter.begin(made);
    return state;
  };
  return {
    meter,
    worker,
    use: (ms: number) => {
      usedMs += ms;
    },
    useMain: (ms: number) => {
      mainMs += ms;
    },
    setThreads: (count: number) => {
      threads = count;
    },
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

describe("the CPU meter", () => {
  it.each([
    { what: "a machine that is free", usedMs: 100, ranMs: 100, share: 1 },
    { what: "a machine with three others at work for each", usedMs: 25, ranMs: 100, share: 0.25 },
    { what: "garbage collection on threads beside", usedMs: 130, ranMs: 100, share: 1 },
    { what: "nobody at work", usedMs: 3, ranMs: 0, share: 1 },
    { what: "a clock that was set back", usedMs: -1, ranMs: 100, share: 0 },
  ])("knows the share of $what", ({ usedMs, ranMs, share }) => expect(shareOf(usedMs, ranMs)).toBe(share));

  it("gives each of those at work its part of what there was", () => {
    const { meter, worker, use } = setUp();
    const one = worker();
    const other = worker();
    one.ranMs = 80;
    other.ranMs = 20;
    use(50);
    meter.sample();
    expect([one.spentMs, other.spentMs]).toEqual([40, 10]);
  });

  it("puts down to nobody what was used before one began, or after it was over", () => {
    const { meter, worker, use } = setUp();
    use(1_000);
    const one = worker();
    one.ranMs = 40;
    one.isOver = true;
    use(10);
    meter.sample();
    expect([one.spentMs, meter.isIdle]).toEqual([10, true]);
    one.ranMs = 40;
    use(1_000);
    meter.sample();
    expect(one.spentMs).toBe(10);
  });

  it("reckons with a low share at once, and with a higher one only by and by", () => {
    const { meter, worker, use, pass } = setUp();
    const one = worker();
    const seen = [25, 100, 100, 0].map((usedMs) => {
      one.ranMs = 100;
      use(usedMs);
      meter.sample();
      return Number(meter.share.toFixed(2));
    });
    expect(seen).toEqual([0.25, 0.4, 0.52, 0.05]);
    // A moment tells nothing.
    one.ranMs = 1;
    meter.sample();
    expect(meter.share).toBe(0.05);
    pass(2_000);
    expect(meter.share).toBe(1);
  });

  it("knows of a machine that is busy before anything has run on it", () => {
    const { meter, setThreads, pass } = setUp();
    expect(meter.share).toBe(1);
    setThreads(8);
    pass(250);
    expect(meter.share).toBe(0.25);
    setThreads(1_000);
    pass(250);
    expect(meter.share).toBe(0.05);
  });

  it("measures work on the pool's threads, in as many samples as fall into it", async () => {
    const { meter, use, pass } = setUp();
    const spent: number[] = [];
    const work = async () => {
      pass(100);
      use(50);
      meter.sample();
      pass(100);
      use(100);
      return "done";
    };
    expect(await meter.measure("pool", work, (ms) => spent.push(ms))).toBe("done");
    expect([spent, meter.isIdle]).toEqual([[150], true]);
  });

  it("measures what the main thread does before the call returns", async () => {
    const { meter, useMain, pass } = setUp();
    const spent: number[] = [];
    const work = async () => {
      pass(100);
      useMain(30);
    };
    await meter.measure("main", work, (ms) => spent.push(ms));
    expect(spent).toEqual([30]);
  });
});
