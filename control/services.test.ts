import { expect, it } from "vitest";
import { NodeStateSchema, parseServiceFile } from "../contracts/index.ts";
import type { KnownNode } from "./nodes.ts";
import { summariseService } from "./services.ts";

const parsed = parseServiceFile("name: web\ntag: v1\nnodes: [{ name: n1, replicas: 2 }, { name: n2 }]\n");
if (!parsed.ok) throw new Error("the text is a spec");
const spec = parsed.value;
const PROBLEM = { function: "web", revision: "r", error: "PROGRAM_ENDED: exit code 3" };

function node(name: string, more: object = {}, isLost = false): KnownNode {
  const now = new Date().toISOString();
  const state = {
    node_id: name,
    last_seen: now,
    version: "1",
    start_time: now,
    managed_instances: [],
    status: "running",
  };
  return { state: NodeStateSchema.parse({ ...state, ...more }), isLost };
}

it.each([
  [
    "runs where a runner tells of an instance",
    [node("n1", { managed_instances: ["web-0", "web-x-0"] })],
    "running",
    1,
  ],
  ["has no node where none of its nodes runs", [node("n3"), node("n1", {}, true)], "no node", 0],
  ["may be another program's until a runner tells", [node("n1")], "external", 0],
  ["fails where a node could not start it", [node("n1", { problems: [PROBLEM] })], "failing", 0],
  [
    "fails also where another node runs it",
    [node("n1", { managed_instances: ["web-0"] }), node("n2", { problems: [PROBLEM] })],
    "failing",
    1,
  ],
  [
    "does not fail by the problem of a node that it does not name",
    [node("n1"), node("n9", { problems: [PROBLEM] })],
    "external",
    0,
  ],
] as const)("a service %s", (_what, nodes, state, instances) => {
  const summary = summariseService(spec, nodes);
  expect(summary).toMatchObject({ state, instances, tag: "v1" });
  expect(summary.error).toBe(state === "failing" ? PROBLEM.error : undefined);
});
