import { describe, expect, it } from "vitest";
import { decideStep } from "./next-step.ts";
import { type Decide, exploreSends } from "./testing/send-model.ts";

/** The outcomes that must not be, each with its trace. */
function faultsOf(decide: Decide, isRepeatable: boolean) {
  return exploreSends(decide, isRepeatable).filter(({ end, begun, wasDelivered, hasBroken }) => {
    if (!isRepeatable && begun > 1) return true;
    if (end === "stuck") return true;
    // A request that a break took may be lost with its instance: only the instance could tell that it has not come.
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
      "that is gone is believed about the requests that it began",
      (evidence, send) => (evidence === "gone" ? decideStep("asked", send) : decideStep(evidence, send)),
    ],
    [
      "that is gone is believed to have begun nothing",
      (evidence, send) => (evidence === "gone" ? "elsewhere" : decideStep(evidence, send)),
    ],
    [
      "that is gone is asked for by a connection that broke, and what it had is repeated,",
      (evidence, send) => (evidence === "nats-was-away" ? "repeat" : decideStep(evidence, send)),
    ],
    [
      "that was asked, and has lost the answer, is believed to have begun nothing",
      (evidence, send) => (evidence === "over" ? "elsewhere" : decideStep(evidence, send)),
    ],
    [
      "that was asked, and has begun nothing, is waited for",
      (evidence, send) => (evidence === "not-begun" ? "wait" : decideStep(evidence, send)),
    ],
    [
      "that is gone is waited for though NATS knows nobody of its name any more",
      (evidence, send) => (evidence === "absent" ? "wait" : decideStep(evidence, send)),
    ],
  ])("a rule by which an instance %s is found out", (_, decide) => {
    expect(faultsOf(decide, false)).not.toEqual([]);
  });
});
