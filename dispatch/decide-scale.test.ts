import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { targetOf } from "../contracts/index.ts";
import { areOverSoon, decideScale, leastOf, newScaleState, type ScaleBounds } from "./decide-scale.ts";

const STEP_MS = 50;
const DEFAULTS: ScaleBounds = { min: 0, max: 20, concurrency: 50 };

/**
 * The instances of a service over time, under loads of `STEP_MS` each. An asked one is there in the next step, and one that has had no
 * work for `idleSteps` ends, as a node ends it.
 */
function simulate(loads: readonly number[], bounds: ScaleBounds, idleSteps = 40) {
  let state = newScaleState;
  let idle: number[] = Array.from({ length: leastOf(bounds) }, () => 0);
  const steps: { live: number; start: number; active: number }[] = [];
  for (const [step, load] of loads.entries()) {
    const live = idle.length;
    const isWaiting = load > live * bounds.concurrency;
    const sample = { nowMs: step * STEP_MS, load, isWaiting, live };
    const decision = decideScale(state, sample, bounds);
    state = decision.state;
    steps.push({ live, start: decision.start, active: state.active });
    // Requests go to the active ones, and to further ones where these are full.
    const used = Math.max(load === 0 ? 0 : state.active, Math.ceil(load / bounds.concurrency));
    idle = idle.map((waited, place) => (place < used ? 0 : waited + 1));
    idle = idle.filter((waited, place) => place < leastOf(bounds) || waited < idleSteps);
    for (let n = 0; n < decision.start; n++) idle.push(0);
  }
  return steps;
}

const boundsOf = fc
  .record({
    min: fc.nat({ max: 5 }),
    more: fc.nat({ max: 20 }),
    concurrency: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 5, max: 100 })),
  })
  .map(({ min, more, concurrency }): ScaleBounds => ({ min, max: Math.max(1, min + more), concurrency }));
const loadsOf = fc.array(fc.nat({ max: 400 }), { minLength: 1, maxLength: 200 });
const always = (load: number, steps: number) => Array.from({ length: steps }, () => load);

describe("how many instances a load needs", () => {
  it("is never above scale.max, and never below scale.min", () => {
    fc.assert(
      fc.property(boundsOf, loadsOf, (bounds, loads) => {
        for (const { live, start, active } of simulate(loads, bounds)) {
          expect(live + start).toBeLessThanOrEqual(bounds.max);
          expect(live).toBeGreaterThanOrEqual(leastOf(bounds));
          expect(active).toBeLessThanOrEqual(bounds.max);
          expect(start).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  it("grows with the load", () => {
    fc.assert(
      fc.property(boundsOf, loadsOf, fc.nat({ max: 100 }), (bounds, loads, more) => {
        let low = newScaleState;
        let high = newScaleState;
        const live = leastOf(bounds);
        for (const [step, load] of loads.entries()) {
          const sample = { nowMs: step * STEP_MS, live, isWaiting: true };
          const one = decideScale(low, { ...sample, load }, bounds);
          const other = decideScale(high, { ...sample, load: load + more }, bounds);
          expect(other.state.active).toBeGreaterThanOrEqual(one.state.active);
          // After a start the windows of the two differ.
          expect(other.start).toBeGreaterThanOrEqual(one.start);
          if (other.start > 0 || one.start > 0) return;
          [low, high] = [one.state, other.state];
        }
      }),
    );
  });

  it("settles under an even load: nothing starts or ends any more, and every instance has work", () => {
    fc.assert(
      fc.property(boundsOf, fc.integer({ min: 1, max: 400 }), (bounds, load) => {
        const need = Math.max(leastOf(bounds), Math.ceil(load / targetOf(bounds.concurrency)));
        const tail = simulate(always(load, 1_000), bounds).slice(500);
        for (const { live, start, active } of tail) {
          expect(live).toBe(Math.min(bounds.max, need));
          expect(active).toBe(live);
          expect(start).toBe(0);
        }
      }),
    );
  });

  it("is one for 32 connections to a function with the defaults", () => {
    expect(simulate(always(32, 1_000), DEFAULTS).every(({ start }) => start === 0)).toBe(true);
  });

  it("doubles at most in a window, so that a brief burst starts few", () => {
    const bounds = { min: 0, max: 20, concurrency: 1 };
    const burst = [...always(100, 4), ...always(0, 40)];
    const started = simulate(burst, bounds).reduce((sum, { start }) => sum + start, 0);
    expect(started).toBe(1);
    // A peak between two quiet moments starts none.
    const peaks = always(0, 40).map((_, step) => (step % 2 === 0 ? 100 : 0));
    expect(simulate(peaks, bounds).every(({ start }) => start === 0)).toBe(true);
  });

  it("is the whole of scale.max within two seconds of a lasting overload", () => {
    const steps = simulate(always(1_000, 40), { min: 0, max: 20, concurrency: 1 });
    expect(steps.at(-1)?.live).toBe(20);
  });

  it("takes longer while there is room beyond the target", () => {
    const [busy, waiting] = [40, 60].map((load) =>
      simulate(always(load, 100), DEFAULTS).findIndex(({ start }) => start > 0),
    );
    expect(waiting).toBe(3);
    expect(busy).toBe(40);
  });
});

describe("requests that are over soon", () => {
  it.each([
    ["64 at a time, each of 2 ms", { load: 64, ended: 16_000, passedMs: 500 }, true],
    ["64 at a time, each of 200 ms", { load: 64, ended: 160, passedMs: 500 }, false],
    ["1 at a time, of 5 ms, and 30 wait for it", { load: 31, ended: 100, passedMs: 500 }, false],
    ["none has ended yet", { load: 64, ended: 0, passedMs: 50 }, false],
    ["an instance has left with its count", { load: 64, ended: -7, passedMs: 500 }, false],
    ["the time before is not known", { load: 64, ended: 9, passedMs: Number.POSITIVE_INFINITY }, false],
  ])("%s", (_load, turnover, isSoon) => expect(areOverSoon(turnover)).toBe(isSoon));
});
