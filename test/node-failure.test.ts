import { describe, expect, it } from "vitest";
import { openNodeStates } from "../nats/index.ts";
import { eventually } from "./harness/eventually.ts";
import { startHeldServer } from "./harness/held-server.ts";
import { startTraffic } from "./harness/traffic.ts";
import { startWorld, type World } from "./harness/world.ts";

/** The node that runs a function's only instance. */
async function nodeOf(world: World, name: string) {
  const instance = await world.listed(name);
  const node = world.nodes.find((candidate) => candidate.name === instance.node);
  if (node === undefined) throw new Error(`${name} runs on no node of this test`);
  return node;
}

describe("a node-runner that is killed", () => {
  it("in the middle of requests: they are answered, and another node takes over", async () => {
    await using held = await startHeldServer();
    await using world = await startWorld({ nodes: 2 });
    await world.push("fn", held.source, held.config);
    await world.call("/fn?warm");
    const victim = await nodeOf(world, "fn");
    const requests = Promise.all(Array.from({ length: 10 }, () => world.call("/fn")));
    await eventually(() => expect(held.waiting).toHaveLength(10));
    await victim.kill9();
    held.open();
    for (const answer of await requests) expect(answer).toMatchObject({ status: 200 });
    expect(await world.call("/fn")).toMatchObject({ status: 200, text: "GET" });
    await eventually(async () => {
      const [survivor, ...more] = await world.ps("fn");
      expect(more).toEqual([]);
      expect(survivor?.node).not.toBe(victim.name);
    });
  });

  it("together with its host, as when the machine lost its power: the rest is answered by the other node", async () => {
    await using held = await startHeldServer();
    await using world = await startWorld({ nodes: 2 });
    await world.push("fn", held.source, held.config);
    await world.call("/fn?warm");
    const victim = await nodeOf(world, "fn");
    const requests = Promise.all([
      ...Array.from({ length: 5 }, () => world.call("/fn")),
      world.call("/fn", { method: "POST" }),
    ]);
    await eventually(() => expect(held.waiting).toHaveLength(6));
    process.kill(await world.hostPid("fn"), "SIGSTOP");
    await victim.kill9();
    process.kill(await world.hostPid("fn"), "SIGKILL");
    held.open();
    const answers = await requests;
    expect(answers.slice(0, 5).map(({ status }) => status)).toEqual(Array(5).fill(200));
    expect(answers[5]).toMatchObject({ status: 502, code: "CONSUMER_DIED" });
    const survivor = world.nodes.find((node) => node !== victim);
    await eventually(async () => expect(await world.ps("fn")).toMatchObject([{ node: survivor?.name }]));
  });

  it("and is supervised: it comes back by itself, and requests wait for it", async () => {
    await using held = await startHeldServer();
    await using world = await startWorld({
      nodes: 0,
      supervised: true,
      gateway: { hold: { holdMs: 60_000 } },
    });
    await world.push("fn", held.source, held.config);
    await world.call("/fn?warm");
    const [killed] = await world.ps("fn");
    const pid = world.supervisedPid();
    if (pid === undefined) throw new Error("the node-runner runs");
    const requests = Promise.all(Array.from({ length: 5 }, () => world.call("/fn")));
    await eventually(() => expect(held.waiting).toHaveLength(5));
    process.kill(pid, "SIGKILL");
    held.open();
    for (const answer of await requests) expect(answer).toMatchObject({ status: 200 });
    expect(await world.call("/fn")).toMatchObject({ status: 200 });
    const after = await eventually(() => {
      expect(world.supervisedPid()).not.toBe(pid);
      return world.supervisedPid();
    });
    expect(after).toBeDefined();
    // The host of the killed runner may still answer a call, which then wakes no new instance.
    await eventually(
      async () => {
        expect(await world.call("/fn")).toMatchObject({ status: 200 });
        const instances = await world.ps("fn");
        expect(instances).toHaveLength(1);
        expect(instances[0]?.instance).not.toBe(killed?.instance);
      },
      { timeoutMs: 30_000 },
    );
  }, 90_000);
});

describe("a node-runner that is killed, and started again", () => {
  it("costs none of the requests that its hosts still answer, whatever their method", async () => {
    await using held = await startHeldServer();
    await using world = await startWorld({
      nodes: 0,
      supervised: true,
      gateway: { hold: { holdMs: 60_000 } },
    });
    await world.push("fn", held.source, held.config);
    await world.call("/fn?warm");
    const methods = ["POST", "POST", "GET"];
    const requests = Promise.all(methods.map((method) => world.call("/fn", { method })));
    await eventually(() => expect(held.waiting).toHaveLength(3));
    const pid = world.supervisedPid();
    if (pid === undefined) throw new Error("the node-runner runs");
    process.kill(pid, "SIGKILL");
    await world.announced("fn", "draining");
    // The next runner answers: the gateway already knows it.
    expect(await world.call("/fn?next")).toMatchObject({ status: 200 });
    held.open();
    expect((await requests).map(({ status, text }) => `${status} ${text}`)).toEqual([
      "200 POST",
      "200 POST",
      "200 GET",
    ]);
    // A GET may run twice: a busy machine starts the next runner later than gateways bear the silence of a node.
    expect(held.waiting.filter(({ req }) => req.url === "/POST")).toHaveLength(2);
  });
});

describe("a node that is told to stop", () => {
  it("loses nothing under load: it drains while another takes over", async () => {
    await using world = await startWorld({ nodes: 2 });
    const quick = `export default () => new Promise((done) => setTimeout(() => done(new Response("ok")), 5));`;
    await world.push("fn", quick);
    const traffic = startTraffic(() => world.call("/fn", { method: "POST" }));
    await traffic.more(100);
    const leaving = await nodeOf(world, "fn");
    await leaving.drain();
    await traffic.more(100);
    const answers = await traffic.stop();
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`))).toEqual(new Set(["200 ok"]));
    const gone = await world.announced("fn", "gone");
    expect(gone).toMatchObject({ node: leaving.name, reason: "shutdown" });
    const [instance] = await world.ps("fn");
    expect(instance?.node).not.toBe(leaving.name);
    const states = await (await openNodeStates(world.connection)).list();
    expect(states.map(({ key }) => key)).toEqual([instance?.node]);
  });
});
