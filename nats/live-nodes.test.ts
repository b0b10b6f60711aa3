import { describe, expect, it } from "vitest";
import { heartbeat } from "../contracts/index.ts";
import { decideLost, decideWait } from "./live-nodes.ts";

describe("a node", () => {
  it("is lost when it was silent for longer than it may be", () => {
    const records = new Map([
      ["silent", { heardAtMs: 0 }],
      ["late", { heardAtMs: 1 }],
      ["loud", { heardAtMs: heartbeat.lostAfterMs }],
    ]);
    expect(decideLost(records, heartbeat.lostAfterMs)).toEqual([]);
    expect(decideLost(records, heartbeat.lostAfterMs + 1)).toEqual(["silent"]);
  });
});

describe("the next check", () => {
  const wait = (...silentMs: number[]) =>
    decideWait(new Map(silentMs.map((ms, node) => [String(node), { heardAtMs: 10_000 - ms }])), 10_000);

  it("is not due without nodes", () => expect(wait()).toBeUndefined());

  it("is due a second before the node that is silent for the longest would be lost", () => {
    expect(wait(0)).toBe(heartbeat.lostAfterMs - 1_000);
    expect(wait(0, 900, 20)).toBe(heartbeat.lostAfterMs - 1_900);
  });

  it("is due soon for a node that has been silent for long, and when it counts as lost", () => {
    expect(wait(heartbeat.lostAfterMs - 1_000, 0)).toBe(500);
    expect(wait(heartbeat.lostAfterMs - 100)).toBe(101);
    expect(wait(heartbeat.lostAfterMs)).toBe(1);
    expect(wait(heartbeat.lostAfterMs + 60_000)).toBe(500);
  });
});
