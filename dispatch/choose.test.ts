import { describe, expect, it } from "vitest";
import { type Candidate, chooseInstance } from "./choose.ts";

const candidate = (revision: string, inFlight: number, concurrency = 10): Candidate => ({
  revision,
  inFlight,
  concurrency,
});

describe("the choice of an instance", () => {
  it("is the less loaded one of two, by share of its concurrency", () => {
    const busy = candidate("live", 4, 10);
    const free = candidate("live", 5, 20);
    for (const pair of [
      [busy, free],
      [free, busy],
    ]) {
      expect(chooseInstance(pair, "live")).toBe(free);
    }
  });

  it("is never a full one", () => {
    expect(chooseInstance([candidate("live", 1, 1), candidate("live", 2, 2)], "live")).toBeUndefined();
  });

  it("is of the live revision where one of it is ready, be it full", () => {
    const live = candidate("live", 9);
    const old = candidate("old", 0);
    expect(chooseInstance([old, live], "live")).toBe(live);
    expect(chooseInstance([old, candidate("live", 1, 1)], "live")).toBeUndefined();
    expect(chooseInstance([old], "live")).toBe(old);
    expect(chooseInstance([old], undefined)).toBe(old);
  });

  it("gives every instance its share where all are alike", () => {
    const all = Array.from({ length: 5 }, () => ({ ...candidate("live", 0), chosen: 0 }));
    for (let n = 0; n < 5_000; n++) {
      const chosen = chooseInstance(all, "live");
      if (chosen !== undefined) chosen.chosen += 1;
    }
    for (const { chosen } of all) expect(chosen).toBeGreaterThan(700);
  });
});
