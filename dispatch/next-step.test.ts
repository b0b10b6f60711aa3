import { describe, expect, it } from "vitest";
import { decideStep } from "./next-step.ts";
import { type Carrier, exploreSends, type Rule } from "./testing/send-model.ts";

/** The rule of the gateway. */
const RULE: Rule = { decide: decideStep, pings: true, asksBesideSocket: false };

/** The first outcome that must not be, with its trace. */
function faultOf(rule: Rule, carrier: Carrier, isRepeatable: boolean) {
  return exploreSends(rule, carrier, isRepeatable).find(({ end, begun, wasDelivered, hasBroken }) => {
    if (!isRepeatable && begun > 1) return true;
    if (end === "stuck") return true;
    if (end === "answered") return false;
    // A request that a break took may be lost with its instance: only the instance could tell that it has not come. A whole
    // socket brings an answer or a refusal in any case.
    const mayBeLost = hasBroken || (carrier === "nats" && wasDelivered);
    return isRepeatable || !mayBeLost;
  });
}

describe.each<Carrier>(["nats", "socket"])("a request by %s, in every order of events", (carrier) => {
  it("begins once at most where it may not run twice, is lost only where it may have begun, and ends", () => {
    expect(faultOf(RULE, carrier, false)).toBeUndefined();
  });

  it("is answered where it may run twice", () => {
    expect(faultOf(RULE, carrier, true)).toBeUndefined();
  });
});

describe("the model finds out a rule", () => {
  it.each<[string, Rule["decide"]]>([
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
  ])("by which an instance %s", (_, decide) => {
    expect(faultOf({ ...RULE, decide }, "nats", false)).toBeDefined();
  });

  it.each<[string, Partial<Rule>]>([
    ["believes that an instance is gone before its host has answered a ping", { pings: false }],
    ["asks over NATS for a request whose socket is whole", { asksBesideSocket: true }],
    [
      "sends a request again whose socket broke",
      { decide: (evidence, send) => (evidence === "link-broken" ? "elsewhere" : decideStep(evidence, send)) },
    ],
  ])("that %s", (_, rule) => {
    expect(faultOf({ ...RULE, ...rule }, "socket", false)).toBeDefined();
  });
});
