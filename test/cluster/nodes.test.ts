/**
 * Nodes on a cluster: how soon a lost or a new one is seen, and how soon another one has its place. The bounds are tripled, as the
 * machine may be busy; NARUN_TEST_BOUNDS=strict tries them as they are promised.
 */
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { listNodes, pushBuild } from "../../control/index.ts";
import { findRunningInstances } from "../../control/instances.ts";
import { connectNats, type Nats } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { buildSource } from "../harness/function-source.ts";
import { type NatsCluster, startNatsCluster } from "../harness/nats-cluster.ts";
import { startTestNode, type TestNode } from "../harness/node-process.ts";

const SLOWNESS = process.env.NARUN_TEST_BOUNDS === "strict" ? 1 : 3;
const LOST_MS = 4_000 * SLOWNESS;
const JOINED_MS = 2_000 * SLOWNESS;
const TAKEN_OVER_MS = 5_000 * SLOWNESS;
const WAIT = { timeoutMs: 40_000 };
const LONG_MS = 120_000;

let cluster: NatsCluster;
let nats: Nats;
const nodes = new Map<string, TestNode>();
const started = new Set<number>();

async function startNode(name: string): Promise<TestNode> {
  const options = { name, natsUrl: cluster.urls(), cacheDir: inject("nodeCache") };
  const onEnding = (pid: number) => void started.add(pid);
  const node = await startTestNode({ ...options, nodeArguments: ["--replicas", "2"], onEnding });
  nodes.set(name, node);
  return node;
}

beforeAll(async () => {
  cluster = await startNatsCluster();
  nats = await eventually(() => connectNats({ url: cluster.urls(), name: "nodes test", copies: 2 }), WAIT);
  await eventually(() => startNode("first"), WAIT);
}, LONG_MS);
afterAll(async () => {
  await Promise.allSettled([...nodes.values()].map((node) => node.drain()));
  await nats?.close();
  await cluster?.[Symbol.asyncDispose]();
});

const stateOf = async (name: string) =>
  (await listNodes(nats)).find(({ node }) => node === name)?.state ?? "none";

/** How long it takes until the check holds. */
async function timeUntil(check: () => Promise<void>): Promise<number> {
  const fromMs = performance.now();
  await eventually(check, WAIT);
  return performance.now() - fromMs;
}

test("a bucket that a function makes has the copies that its node was given", {
  timeout: LONG_MS,
}, async () => {
  const source = `import { service } from "narun";
    export default service({ name: "copied", version: "1.0.0" })
      .action("put", {}, async (_, { env }) => ({ revision: await env.BOX.put("key", "value") }));`;
  const config = { bindings: [{ name: "BOX", kv: "box" }], scale: { min: 1 } };
  await pushBuild(nats, await buildSource("copied", source, config));
  const answer = await eventually(() => nats.request("copied.put", "", { timeoutMs: 10_000 }), WAIT);
  expect(JSON.parse(answer.text())).toEqual({ revision: 1 });
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  const { config: made } = await manager.streams.info("KV_box");
  expect(made.num_replicas).toBe(2);
});

test("a node that joins is listed", { timeout: LONG_MS }, async () => {
  const joining = startNode("second");
  await eventually(async () => expect(await stateOf("second")).not.toBe("none"), WAIT);
  await joining;
  const tookMs = await timeUntil(async () => expect(await stateOf("second")).toBe("running"));
  expect(tookMs).toBeLessThan(JOINED_MS);
});

test("a node that hangs is lost, and another one takes its place", { timeout: LONG_MS }, async () => {
  const source = `export default () => new Response("here");`;
  await pushBuild(nats, await buildSource("placed", source, { scale: { min: 1 } }));
  const placesOf = async () =>
    (await findRunningInstances(nats)).filter((one) => one.function === "placed").map(({ node }) => node);
  const owner = await eventually(async () => {
    const found = nodes.get((await placesOf())[0] ?? "");
    if (found === undefined) throw new Error("it runs nowhere");
    return found;
  }, WAIT);
  process.kill(owner.pid, "SIGSTOP");
  const [lostMs, takenMs] = await Promise.all([
    timeUntil(async () => expect(await stateOf(owner.name)).toBe("lost")),
    timeUntil(async () => {
      expect((await placesOf()).some((node) => node !== owner.name)).toBe(true);
    }),
  ]);
  expect(lostMs).toBeLessThan(LOST_MS);
  expect(takenMs).toBeLessThan(TAKEN_OVER_MS);
  process.kill(owner.pid, "SIGCONT");
  await eventually(async () => expect(await stateOf(owner.name)).toBe("running"), WAIT);
});

test("a node that was killed is lost, also where a server died with it", { timeout: LONG_MS }, async () => {
  const killing = nodes.get("second")?.kill9();
  nodes.delete("second");
  await Promise.all([killing, cluster.kill("n2")]);
  const lostMs = await timeUntil(async () => expect(await stateOf("second")).toBe("lost"));
  expect(lostMs).toBeLessThan(LOST_MS + TAKEN_OVER_MS);
  cluster.start("n2");
});
