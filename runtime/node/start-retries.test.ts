/** The pauses between starts, at a time of the test's own. */
import { expect, it } from "vitest";
import { StartRetries } from "./start-retries.ts";

/** A clock that stands still, and notes how long each pause is. */
function createClock() {
  let nowMs = 1_000_000;
  const pauses: number[] = [];
  const calls: (() => void)[] = [];
  return {
    pauses,
    now: () => nowMs,
    after(ms: number, call: () => void) {
      pauses.push(ms);
      calls.push(call);
      return () => void calls.splice(calls.indexOf(call), 1);
    },
    pass(ms: number) {
      nowMs += ms;
      for (const call of calls.splice(0)) call();
    },
  };
}

const MINUTE = 60_000;
/** A pause with its random part. */
const about = (ms: number) => expect.toSatisfy((pause: number) => pause >= ms && pause <= ms * 1.25);

it("grow with each death up to a minute, and are short again after ten minutes without one", () => {
  const clock = createClock();
  const started: string[] = [];
  const retries = new StartRetries((name) => started.push(name), clock);
  for (let deaths = 1; deaths <= 9; deaths++) {
    retries.begin("fn", "g");
    expect(retries.isPausing("fn", "g")).toBe(true);
    expect(retries.countOf("fn", "g")).toBe(deaths);
    clock.pass(MINUTE);
    expect(retries.isPausing("fn", "g")).toBe(false);
  }
  expect(clock.pauses).toEqual([250, 750, 1_250, 2_250, 4_250, 8_250, 16_250, 32_250, 60_250].map(about));
  expect(started).toHaveLength(9);
  // Stable for as long as that, but for a moment: the next pause is as long.
  clock.pass(9 * MINUTE - 1);
  retries.begin("fn", "g");
  expect(clock.pauses.at(-1)).toEqual(about(60_250));
  clock.pass(10 * MINUTE + 1);
  expect(retries.countOf("fn", "g")).toBe(0);
  retries.begin("fn", "g");
  expect(clock.pauses.at(-1)).toEqual(about(250));
  expect(retries.countOf("fn", "g")).toBe(1);
});

it("begin anew with a new generation, and end with the function", () => {
  const clock = createClock();
  const started: string[] = [];
  const retries = new StartRetries((name) => started.push(name), clock);
  for (const generation of ["a", "a", "b"]) {
    retries.begin("fn", generation);
    // A second death in a pause is one with the first.
    retries.begin("fn", generation);
    if (generation === "a") clock.pass(MINUTE);
  }
  expect(clock.pauses).toEqual([250, 750, 250].map(about));
  retries.forget("fn");
  clock.pass(MINUTE);
  expect(started).toHaveLength(2);
});
