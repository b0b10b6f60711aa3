import { describe, expect, it } from "vitest";
import { decideStep } from "./next-step.ts";
import { type Decide, exploreSends } from "./testing/send-model.ts";

/** The ways to end that must not be, each with what led there. */
function faultsOf(decide: Decide, isRepeatable: boolean) {
  return exploreSends(decide, isRepeatable).filter(({ end, begun, wasDelivered, hasBroken }) => {
    if (!isRepeatable && begun > 1) return true;
    if (end === "stuck") return true;
    // One that the break of a connection took may be lost with its instance, which alone could say that it never came.
    return end === "failed" && (isRepeatable || !(wasDelivered || hasBroken));
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
      "that is gone is taken at its word about what it has begun",
      (word, send) => (word === "gone" ? decideStep("asked", send) : decideStep(word, send)),
    ],
    [
      "that is gone is believed to have begun nothing",
      (word, send) => (word === "gone" ? "elsewhere" : decideStep(word, send)),
    ],
    [
      "that is gone is asked for by a connection that broke, and what it had is repeated,",
      (word, send) => (word === "nats-was-away" ? "repeat" : decideStep(word, send)),
    ],
    [
      "that was asked, and has lost the answer, is believed to have begun nothing",
      (word, send) => (word === "over" ? "elsewhere" : decideStep(word, send)),
    ],
    [
      "that was asked, and has begun nothing, is waited for",
      (word, send) => (word === "not-begun" ? "wait" : decideStep(word, send)),
    ],
    [
      "that is gone is waited for though NATS knows nobody of its name any more",
      (word, send) => (word === "absent" ? "wait" : decideStep(word, send)),
    ],
  ])("a rule by which an instance %s is found out", (_, decide) => {
    expect(faultsOf(decide, false)).not.toEqual([]);
  });
});
