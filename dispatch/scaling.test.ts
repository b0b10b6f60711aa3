import { describe, expect, it } from "vitest";
import { type Demand, type DemandReply, type Heartbeat, rankNodes } from "../contracts/index.ts";
import { call } from "../gateway/testing/http-client.ts";
import type { PeerNode, PeerReply } from "../gateway/testing/peer-node.ts";
import { type GatewayWorld, REVISION, specOf, startGatewayWorld } from "../gateway/testing/world.ts";
import type { Nats } from "../nats/index.ts";
import { eventually } from "../test/harness/eventually.ts";
import { createInstance } from "./instance.ts";
import { Scaling } from "./scaling.ts";

const WAIT = { timeoutMs: 20_000 };
const quiet = () => undefined;
const HEARTBEAT: Heartbeat = {
  node: "n1",
  state: "running",
  epoch: "e",
  modes: ["isolate"],
  freeInstances: 10,
  labels: {},
};

/** Nodes that start what is demanded, as node-runners do, and refuse where `refuses` says so. */
async function startNodes(
  world: GatewayWorld,
  count: number,
  refuses: (node: string) => boolean = () => false,
) {
  const opened = Promise.withResolvers<void>();
  const handler = () => opened.promise.then((): PeerReply => ({ data: "done" }));
  const started: { node: string; id: string }[] = [];
  const demands: { node: string; beside: string[] }[] = [];
  const start = (node: PeerNode): string => {
    const id = `${node.node}-${started.length}`;
    started.push({ node: node.node, id });
    void node.start("fn", { revision: REVISION, id, concurrency: 1, handler });
    return id;
  };
  /** The instances of another function, for which no bound holds. */
  const others: string[] = [];
  const onDemand = ({ function: service, beside = [] }: Demand, node: PeerNode): DemandReply => {
    if (service !== "fn") {
      const id = `other-${others.length}`;
      others.push(id);
      void node.start(service, { revision: REVISION, id, concurrency: 1, handler });
      return { outcome: "starting", instance: id };
    }
    demands.push({ node: node.node, beside });
    if (refuses(node.node)) return { outcome: "refused", code: "NODE_FULL", reason: "by the test" };
    const other = started.find((one) => one.node === node.node && !beside.includes(one.id));
    return { outcome: "starting", instance: other?.id ?? start(node) };
  };
  const nodes: PeerNode[] = [];
  for (let n = 0; n < count; n++) nodes.push(await world.startNode({ onDemand }));
  const ranking = rankNodes(
    "fn",
    nodes.map(({ node }) => ({ node })),
  ).map(({ node }) => node);
  return { ranking, started, demands, others, nodes, handler, open: opened.resolve };
}

const specs = (scale: object) => [specOf("fn", { scale: { concurrency: 1, ...scale } })];
const begin = (url: string, count: number, name = "fn") =>
  Array.from({ length: count }, async () => (await call(`${url}/${name}`)).status);
const allAnswered = async (answers: Promise<number>[]) =>
  expect(new Set(await Promise.all(answers))).toEqual(new Set([200]));

describe("a service whose instances are full", () => {
  it("gets its n-th instance on the n-th node of the ranking, around", async () => {
    await using world = await startGatewayWorld({ specs: specs({ max: 5 }) });
    const { ranking, started, open } = await startNodes(world, 2);
    const answers = begin(world.url, 5);
    await eventually(() => expect(started).toHaveLength(5), WAIT);
    const [first, second] = ranking;
    expect(started.map(({ node }) => node)).toEqual([first, second, first, second, first]);
    open();
    await allAnswered(answers);
  });

  it("gets one instance where two gateways ask for it", async () => {
    await using world = await startGatewayWorld({ specs: specs({ max: 2 }) });
    const other = await world.startGateway();
    const { started, demands, open } = await startNodes(world, 2);
    const answers = [...begin(world.url, 3), ...begin(other.httpUrl, 3)];
    await eventually(() => {
      for (const { gateway } of [{ gateway: world.gateway }, { gateway: other }])
        expect(gateway.counts().get("fn")).toEqual({ held: 1, inFlight: 2 });
    }, WAIT);
    expect(started).toHaveLength(2);
    expect(new Set(demands.map(({ node }) => node)).size).toBe(2);
    open();
    await allAnswered(answers);
    expect(started).toHaveLength(2);
  });

  it("gets it from the next node where one refuses", async () => {
    await using world = await startGatewayWorld({ specs: specs({ max: 3 }) });
    const refusing = new Set<string>();
    const { ranking, started, demands, open } = await startNodes(world, 3, (node) => refusing.has(node));
    const [first = "", second = "", third = ""] = ranking;
    refusing.add(second);
    const answers = begin(world.url, 4);
    await eventually(() => expect(started).toHaveLength(3), WAIT);
    expect(started.map(({ node }) => node)).toEqual([first, third, first]);
    // The node that refused is left out for a while.
    expect(demands.filter(({ node }) => node === second)).toHaveLength(1);
    expect(demands.at(-1)).toEqual({ node: first, beside: [started[0]?.id] });
    open();
    await allAnswered(answers);
  });

  it("counts instances that another party starts, before they are ready", async () => {
    const other = specOf("other", { scale: { concurrency: 1, max: 3 } });
    await using world = await startGatewayWorld({ specs: [...specs({ max: 2 }), other] });
    const { ranking, started, demands, others, nodes, open } = await startNodes(world, 2);
    const answers = begin(world.url, 1);
    await eventually(() => expect(started).toHaveLength(1), WAIT);
    const starter = nodes.find(({ node }) => node === ranking[1]);
    const facts = { function: "fn", instance: "other", revision: REVISION, at: 1, node: ranking[1] ?? "" };
    starter?.announce({ ...facts, state: "starting" });
    await starter?.nats.flush();
    answers.push(...begin(world.url, 3), ...begin(world.url, 4, "other"));
    // Another function under the same load gets its second instance meanwhile, and then its third.
    await eventually(() => expect(others).toHaveLength(3), WAIT);
    expect(started).toHaveLength(1);
    // A start that came to nothing makes room for another one.
    starter?.announce({ ...facts, state: "gone", reason: "shutdown" });
    await eventually(() => expect(started).toHaveLength(2), WAIT);
    expect(demands.filter(({ node }) => node === ranking[1])).toHaveLength(1);
    open();
    await allAnswered(answers);
  });

  it("sends nothing to instances beyond scale.max", async () => {
    await using world = await startGatewayWorld({ specs: specs({ max: 1 }) });
    const { ranking, nodes, handler, open } = await startNodes(world, 3);
    const facts = { revision: REVISION, concurrency: 1, handler };
    const instances = await Promise.all(nodes.map((node) => node.start("fn", facts)));
    await world.heard();
    const answers = begin(world.url, 30);
    await eventually(() => expect(world.gateway.counts().get("fn")?.inFlight).toBe(1));
    open();
    await allAnswered(answers);
    const taken = instances.flatMap((one, at) => (one.taken.length > 0 ? [nodes[at]?.node] : []));
    expect(taken).toEqual([ranking[0]]);
  });

  it("gets another one where an instance tells of requests that the gateway does not see", async () => {
    await using world = await startGatewayWorld({
      specs: [specOf("fn", { scale: { max: 2, concurrency: 5 } })],
    });
    const { ranking, started, nodes } = await startNodes(world, 2);
    const first = nodes.find(({ node }) => node === ranking[0]);
    const { id = "" } = (await first?.start("fn", { revision: REVISION, concurrency: 5 })) ?? {};
    const facts = { function: "fn", instance: id, revision: REVISION, at: 1, node: ranking[0] ?? "" };
    await eventually(async () => {
      first?.announce({ ...facts, state: "ready", concurrency: 5, phases: {}, load: 6 });
      await first?.nats.flush();
      expect(started.map(({ node }) => node)).toEqual([ranking[1]]);
    }, WAIT);
  });
});

/** A full instance, of which so many requests end between two looks, and more that wait for it. Counts looks and demands. */
function startFull(endedEach: number) {
  const counts = { looks: 0, demands: 0 };
  const instance = createInstance({
    id: "i1",
    service: "fn",
    node: "n1",
    revision: REVISION,
    concurrency: 5,
  });
  instance.inFlight = 5;
  const instances = {
    ready() {
      counts.looks += 1;
      instance.ended += endedEach;
      return [instance];
    },
    settled: () => Promise.resolve(undefined),
    add: () => undefined,
  };
  const request = async () => {
    counts.demands += 1;
  };
  const scaling = new Scaling({
    nats: { state: "connected", request } as unknown as Nats,
    nodes: { live: () => [HEARTBEAT] },
    instances,
    specOf: () => specOf("fn", { scale: { max: 3, concurrency: 5 } }),
    waiting: () => 3,
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  });
  scaling.press("fn");
  return { counts, [Symbol.dispose]: () => scaling.close() };
}

describe("requests that wait for a full instance", () => {
  it("start none where they are over soon, and another one else", async () => {
    using slow = startFull(0);
    await eventually(() => expect(slow.counts.demands).toBeGreaterThan(0), WAIT);
    using quick = startFull(1_000);
    // A look comes 50 ms after the one before at the earliest.
    await eventually(() => expect(quick.counts.looks).toBeGreaterThan(60), WAIT);
    expect(quick.counts.demands).toBe(0);
  });
});
