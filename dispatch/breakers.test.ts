import fc from "fast-check";
import { expect, it } from "vitest";
import { createBreakers, FAILURES, MAX_PAUSE_MS } from "./breakers.ts";
import { createInstance } from "./instance.ts";

const instanceOf = (id: string) =>
  createInstance({ id, service: "s", node: "n", revision: "r", concurrency: 5 });

type Event = { kind: "call"; how: "answered" | "failed" | "unknown" } | { kind: "wait"; ms: number };
const events: fc.Arbitrary<Event[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant("call" as const),
      how: fc.constantFrom("answered" as const, "failed" as const, "failed" as const, "unknown" as const),
    }),
    fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 60_000 }) }),
  ),
  { maxLength: 60 },
);

it("leaves out what failed in a row, for a pause that is bounded, and lets one trial through", () => {
  fc.assert(
    fc.property(events, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (script, random) => {
      let nowMs = 0;
      const breakers = createBreakers(
        () => nowMs,
        () => random,
      );
      const instance = instanceOf("a");
      /** Failures since the last answer, and since when none was let through. */
      let failures = 0;
      let lastFailureMs = 0;
      for (const event of script) {
        if (event.kind === "wait") {
          nowMs += event.ms;
          continue;
        }
        const isAllowed = breakers.allows(instance);
        if (failures < FAILURES) expect(isAllowed).toBe(true);
        else {
          const sinceMs = nowMs - lastFailureMs;
          if (sinceMs < 1_000) expect(isAllowed).toBe(false);
          if (sinceMs >= MAX_PAUSE_MS * 1.5) expect(isAllowed).toBe(true);
        }
        if (!isAllowed) continue;
        breakers.onSent(instance);
        if (failures >= FAILURES) expect(breakers.allows(instance)).toBe(false);
        breakers.onOver(instance, event.how);
        if (event.how === "answered") failures = 0;
        if (event.how !== "failed") continue;
        failures += 1;
        lastFailureMs = nowMs;
      }
    }),
  );
});

it("counts for each instance, and a late failure does not make a pause longer", () => {
  let nowMs = 0;
  const breakers = createBreakers(
    () => nowMs,
    () => 0,
  );
  const [bad, good] = [instanceOf("bad"), instanceOf("good")];
  for (let n = 0; n < FAILURES + 5; n++) breakers.onSent(bad);
  for (let n = 0; n < FAILURES; n++) breakers.onOver(bad, "failed");
  nowMs = 900;
  // Sent before it was left out.
  for (let n = 0; n < 5; n++) breakers.onOver(bad, "failed");
  expect([breakers.allows(bad), breakers.allows(good)]).toEqual([false, true]);
  nowMs = 1_000;
  expect(breakers.allows(bad)).toBe(true);
  breakers.onSent(bad);
  breakers.onOver(bad, "answered");
  expect(breakers.allows(bad)).toBe(true);
});

it("has pauses that grow to a bound, until an answer; a trial that was given up is made again at once", () => {
  let nowMs = 0;
  const breakers = createBreakers(
    () => nowMs,
    () => 0,
  );
  const bad = instanceOf("bad");
  const send = (how: "failed" | "unknown" | "answered") => {
    breakers.onSent(bad);
    breakers.onOver(bad, how);
  };
  /** How long nothing is sent there. */
  const pause = () => {
    const fromMs = nowMs;
    while (!breakers.allows(bad)) nowMs += 500;
    return nowMs - fromMs;
  };
  for (let n = 0; n < FAILURES; n++) send("failed");
  const pauses = Array.from({ length: 7 }, () => {
    const lasted = pause();
    send("failed");
    return lasted;
  });
  expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, MAX_PAUSE_MS, MAX_PAUSE_MS]);
  pause();
  send("unknown");
  expect(breakers.allows(bad)).toBe(true);
  send("answered");
  for (let n = 1; n < FAILURES; n++) send("failed");
  expect(breakers.allows(bad)).toBe(true);
  send("failed");
  expect(pause()).toBe(1_000);
});
