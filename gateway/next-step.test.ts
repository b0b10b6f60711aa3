import { describe, expect, it } from "vitest";
import { decideStep } from "./next-step.ts";
import { type Decide, exploreSends } from "./testing/send-model.ts";

/** The ways to end that must not be, each with what led there. */
function faultsOf(decide: Decide, isRepeatable: boolean) {
  return exploreSends(decide, isRepeatable).filter(({ end, begun, wasDelivered, hasBroken }) => {
    if (!isRepeatable && begun > 1) return true;
    // Where the gateway's connection broke, what was said meanwhile proves nothing, and the deadline may be the end.
    if (hasBroken) return false;
    return end === "stuck" || (end === "failed" && (isRepeatable || !wasDelivered));
  });
}

describe("in every order of events that NATS allows", () => {
  it("a request that may not run twice begins once at most, is lost only where it may have begun, and ends", () => {
    expect(exploreSends(decideStep, false).length).toBeGreaterThan(4);
    expect(faultsOf(decideStep, false)).toEqual([]);
  });

  it("a request that may run twice is answered", () => {
    expect(faultsOf(decideStep, true)).toEqual([]);
  });

  it.each<[string, Decide]>([
    [
      "is taken at its word about what it has begun",
      (word, send) => (word === "gone" ? decideStep("asked", send) : decideStep(word, send)),
    ],
    [
      "is believed to have begun nothing",
      (word, send) => (word === "gone" ? "elsewhere" : decideStep(word, send)),
    ],
    [
      "is not doubted though NATS has said all",
      (word, send) => (word === "asked" ? "wait" : decideStep(word, send)),
    ],
    [
      "is asked for by a connection that broke, and what it had is repeated,",
      (word, send) => (word === "nats-was-away" ? "repeat" : decideStep(word, send)),
    ],
  ])("a rule by which an instance that is gone %s is found out", (_, decide) => {
    expect(faultsOf(decide, false)).not.toEqual([]);
  });
});
