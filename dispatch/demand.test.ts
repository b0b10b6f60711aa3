import { describe, expect, it } from "vitest";
import { type Demand, type DemandReply, type Heartbeat, rankNodes, subjects } from "../contracts/index.ts";
import { call } from "../gateway/testing/http-client.ts";
import type { PeerNode } from "../gateway/testing/peer-node.ts";
import { REVISION, specOf, startGatewayWorld } from "../gateway/testing/world.ts";
import { eventually } from "../test/harness/eventually.ts";
import { decideOrder } from "./demand.ts";

const beat = (node: string, facts: Partial<Heartbeat> = {}): Heartbeat => ({
  node,
  state: "running",
  epoch: "e",
  modes: ["isolate"],
  freeInstances: 1,
  labels: {},
  ...facts,
});
const names = (order: { node: string }[]) => order.map(({ node }) => node);

/** Starts the demanded instance, as a node-runner does. */
const obliging = (demand: Demand, node: PeerNode): DemandReply => {
  const instance = `${node.node}-1`;
  if (node.demands.length === 1)
    void node.start(demand.function, { revision: demand.revision, id: instance });
  return { outcome: "starting", instance };
};

const problem = (text: string) => JSON.parse(text) as Record<string, unknown>;

describe("the order in which nodes are asked", () => {
  const live = ["a", "b", "c", "d"].map((node) => beat(node));
  const nothing = { startingOn: undefined, silent: new Set<string>() };

  it("is the ranking that every gateway computes", () => {
    expect(decideOrder("fn", { mode: "isolate" }, live, nothing)).toEqual(rankNodes("fn", live));
    expect(decideOrder("fn", { mode: "isolate" }, [...live].reverse(), nothing)).toEqual(
      rankNodes("fn", live),
    );
  });

  it("leaves out nodes that stop or do not run the mode", () => {
    const some = [beat("a", { state: "shutting_down" }), beat("b", { modes: ["exec"] }), beat("c")];
    expect(names(decideOrder("fn", { mode: "isolate" }, some, nothing))).toEqual(["c"]);
  });

  it("begins with the node that is starting one, and ends with full nodes, then silent ones", () => {
    const [first = "", second = "", third = "", fourth = ""] = names(rankNodes("fn", live));
    const some = [beat(first), beat(second, { freeInstances: 0 }), beat(third), beat(fourth)];
    const order = decideOrder("fn", { mode: "isolate" }, some, {
      startingOn: fourth,
      silent: new Set([first]),
    });
    expect(names(order)).toEqual([fourth, third, second, first]);
  });
});

describe("a demand", () => {
  it("of two gateways goes to the same node, and there is one start", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    const second = await world.startGateway();
    const nodes = [];
    for (let n = 0; n < 4; n++) nodes.push(await world.startNode({ onDemand: obliging }));
    const answers = await Promise.all([call(`${world.url}/fn`), call(`${second.httpUrl}/fn`)]);
    expect(answers.map(({ text }) => text)).toEqual(["hello", "hello"]);
    expect(nodes.filter(({ demands }) => demands.length > 0).length).toBe(1);
  });

  it("goes to the next node where one refuses, fails to answer, or loses the instance", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    const asked: string[] = [];
    const [refusing = "", mute = "", losing = "", last = ""] = names(
      rankNodes(
        "fn",
        [0, 1, 2, 3].map((n) => ({ node: `node-${n}` })),
      ),
    );
    const onDemand = (demand: Demand, node: PeerNode): DemandReply => {
      asked.push(node.node);
      if (node.node === refusing) return { outcome: "refused", code: "NODE_FULL", reason: "full" };
      if (node.node === last) return obliging(demand, node);
      const common = { function: "fn", instance: "lost", node: node.node, revision: REVISION, at: 1 };
      node.announce({ ...common, state: "gone", reason: "crashed" });
      return { outcome: "starting", instance: "lost" };
    };
    for (let n = 0; n < 4; n++) {
      await world.startNode({ onDemand, isDeaf: `node-${n}` === mute });
    }
    expect(await call(`${world.url}/fn`)).toMatchObject({ status: 200, text: "hello" });
    expect(new Set(asked)).toEqual(new Set([refusing, losing, last]));
  });

  it("ends the hold with 503 where the function does not start", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    await world.startNode({
      onDemand(_demand, node) {
        queueMicrotask(() =>
          node.announce({
            ...{ function: "fn", instance: "broken", node: node.node, revision: REVISION, at: 1 },
            ...{ state: "gone", reason: "failed", code: "FUNCTION_START_FAILED" },
          }),
        );
        return { outcome: "starting", instance: "broken" };
      },
    });
    const answers = await Promise.all([call(`${world.url}/fn`), call(`${world.url}/fn`)]);
    for (const answer of answers) {
      expect(problem(answer.text)).toMatchObject({ status: 503, code: "FUNCTION_START_FAILED" });
      expect(answer.headers["retry-after"]).toBeDefined();
    }
  });

  it("is made again where the answer came to nothing", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    const node = await world.startNode({
      onDemand(demand, peer) {
        // The first start is lost, as with a runner that was restarted at once.
        const instance = `start-${peer.demands.length}`;
        if (peer.demands.length === 2) {
          void peer.start(demand.function, { revision: demand.revision, id: instance });
        }
        return { outcome: "starting", instance };
      },
    });
    expect(await call(`${world.url}/fn`)).toMatchObject({ status: 200, text: "hello" });
    expect(node.demands.length).toBe(2);
  });

  it("that is answered with a running instance needs no announcement", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    await world.startNode({
      onDemand(_demand, { nats }) {
        nats.subscribe(subjects.instanceRequests("quiet"), (message) => message.respond("here"));
        return { outcome: "running", instance: "quiet", concurrency: 1 };
      },
    });
    expect(await call(`${world.url}/fn`)).toMatchObject({ status: 200, text: "here" });
  });

  it("is made as soon as a node appears", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    const pending = call(`${world.url}/fn`);
    await eventually(() => expect(world.gateway.counts().get("fn")?.held).toBe(1));
    await world.startNode({ onDemand: obliging });
    expect(await pending).toMatchObject({ status: 200 });
  });

  it("is not repeated while the instance is there", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    const node = await world.startNode({ onDemand: obliging });
    for (let n = 0; n < 20; n++) await call(`${world.url}/fn`);
    expect(node.demands.length).toBe(1);
  });
});
