import { describe, expect, it } from "vitest";
import { heartbeat } from "../contracts/index.ts";
import { decideLost } from "./live-nodes.ts";

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
