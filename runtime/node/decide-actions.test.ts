import { describe, expect, it } from "vitest";
import { rankNodes } from "../../contracts/index.ts";
import { decideActions, decideShare, type InstanceFacts } from "./decide-actions.ts";

const instance = (
  id: string,
  generation: string,
  phase: InstanceFacts["phase"] = "ready",
): InstanceFacts => ({
  id,
  generation,
  group: "default",
  phase,
});
const nothing = { start: 0, drain: [] };

describe("decideActions", () => {
  it.each([
    ["lets a function sleep", { generation: "a", group: "default", share: 0, most: 20 }, [], nothing],
    [
      "keeps its share of min",
      { generation: "a", group: "default", share: 2, most: 20 },
      [instance("1", "a")],
      { start: 1, drain: [] },
    ],
    [
      "counts what is starting",
      { generation: "a", group: "default", share: 1, most: 20 },
      [instance("1", "a", "starting")],
      nothing,
    ],
    [
      "does not count what drains",
      { generation: "a", group: "default", share: 1, most: 20 },
      [instance("1", "a", "draining")],
      { start: 1, drain: [] },
    ],
    [
      "leaves what was woken on demand",
      { generation: "a", group: "default", share: 0, most: 20 },
      [instance("1", "a")],
      nothing,
    ],
    [
      "starts the new before it ends the old",
      { generation: "b", group: "default", share: 0, most: 20 },
      [instance("1", "a")],
      { start: 1, drain: [] },
    ],
    [
      "keeps the old while the new starts",
      { generation: "b", group: "default", share: 0, most: 20 },
      [instance("1", "a"), instance("2", "b", "starting")],
      nothing,
    ],
    [
      "ends the old when the new is ready",
      { generation: "b", group: "default", share: 0, most: 20 },
      [instance("1", "a"), instance("2", "b")],
      { start: 0, drain: [{ id: "1", reason: "replaced" }] },
    ],
    [
      "replaces every old one by a new one",
      { generation: "b", group: "default", share: 0, most: 20 },
      [instance("1", "a"), instance("2", "a"), instance("3", "b")],
      { start: 1, drain: [] },
    ],
    [
      "replaces no more of them than the new one may have",
      { generation: "b", group: "default", share: 0, most: 1 },
      [instance("1", "a"), instance("2", "a"), instance("3", "b")],
      {
        start: 0,
        drain: [
          { id: "1", reason: "replaced" },
          { id: "2", reason: "replaced" },
        ],
      },
    ],
    [
      "ends everything of a removed function",
      undefined,
      [instance("1", "a"), instance("2", "a", "starting"), instance("3", "a", "draining")],
      {
        start: 0,
        drain: [
          { id: "1", reason: "removed" },
          { id: "2", reason: "removed" },
        ],
      },
    ],
  ] as const)("%s", (_what, desired, instances, expected) => {
    expect(decideActions({ desired, instances })).toEqual(expected);
  });
});

describe("decideShare", () => {
  const nodes = ["n1", "n2", "n3"].map((node) => ({ node }));

  it("spreads min over the nodes, and every instance has one place", () => {
    for (let min = 0; min < 10; min++) {
      const ranking = rankNodes("hello", nodes);
      const shares = nodes.map(({ node }) => decideShare(min, ranking, node));
      expect(shares.reduce((sum, share) => sum + share, 0)).toBe(min);
      expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
    }
  });

  it("gives nothing to a node that is not in the ranking", () => {
    expect(decideShare(5, rankNodes("hello", nodes), "n9")).toBe(0);
  });
});
