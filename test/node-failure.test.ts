import { describe, expect, it } from "vitest";
import { openNodeStates } from "../nats/index.ts";
import { eventually } from "./harness/eventually.ts";
import { startTraffic } from "./harness/traffic.ts";
import { startWorld, type World } from "./harness/world.ts";

const slowBy = (ms: number) => `
  export default async (request: Request) => {
    await new Promise((resolve) => setTimeout(resolve, ${ms}));
    return new Response(request.method);
  };
`;
const slow = slowBy(300);

const inFlight = (world: World, name: string, count: number) =>
  eventually(async () => expect(await world.ps(name)).toMatchObject([{ inFlight: count }]));

/** The node that runs a function's only instance. */
async function nodeOf(world: World, name: string) {
  const [instance] = await world.ps(name);
  const node = world.nodes.find((candidate) => candidate.name === instance?.node);
  if (node === undefined) throw new Error(`${name} runs on no node of this test`);
  return node;
}

describe("a node-runner that is killed", () => {
  it("in the middle of requests: they are answered, and another node takes over", async () => {
    await using world = await startWorld({ nodes: 2 });
    await world.push("fn", slow);
    await world.call("/fn");
    const victim = await nodeOf(world, "fn");
    const requests = Promise.all(Array.from({ length: 10 }, () => world.call("/fn")));
    await inFlight(world, "fn", 10);
    await victim.kill9();
    for (const { status } of await requests) expect(status).toBe(200);
    expect(await world.call("/fn")).toMatchObject({ status: 200, text: "GET" });
    await eventually(async () => {
      const [survivor, ...more] = await world.ps("fn");
      expect(more).toEqual([]);
      expect(survivor?.node).not.toBe(victim.name);
    });
  });

  it("together with its host, as when the machine lost its power: the rest is answered by the other node", async () => {
    await using world = await startWorld({ nodes: 2 });
    // So slow that all are under way for certain when the power is lost.
    await world.push("fn", slowBy(1_000));
    await world.call("/fn");
    const victim = await nodeOf(world, "fn");
    const requests = Promise.all([
      ...Array.from({ length: 5 }, () => world.call("/fn")),
      world.call("/fn", { method: "POST" }),
    ]);
    await inFlight(world, "fn", 6);
    process.kill(world.hostPid("fn"), "SIGSTOP");
    await victim.kill9();
    process.kill(world.hostPid("fn"), "SIGKILL");
    const answers = await requests;
    expect(answers.slice(0, 5).map(({ status }) => status)).toEqual(Array(5).fill(200));
    expect(answers[5]).toMatchObject({ status: 502, code: "CONSUMER_DIED" });
    const survivor = world.nodes.find((node) => node !== victim);
    await eventually(async () => expect(await world.ps("fn")).toMatchObject([{ node: survivor?.name }]));
  });

  it("and is supervised: it comes back by itself, and requests wait for it", async () => {
    await using world = await startWorld({ nodes: 0, supervised: true });
    await world.push("fn", slow);
    await world.call("/fn");
    const pid = world.supervisedPid();
    if (pid === undefined) throw new Error("the node-runner runs");
    const requests = Promise.all(Array.from({ length: 5 }, () => world.call("/fn")));
    await inFlight(world, "fn", 5);
    process.kill(pid, "SIGKILL");
    for (const { status } of await requests) expect(status).toBe(200);
    expect(await world.call("/fn")).toMatchObject({ status: 200 });
    const after = await eventually(() => {
      expect(world.supervisedPid()).not.toBe(pid);
      return world.supervisedPid();
    });
    expect(after).toBeDefined();
    await eventually(async () => expect(await world.ps("fn")).toHaveLength(1));
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
