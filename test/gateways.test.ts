import { describe, expect, it } from "vitest";
import { subjects } from "../contracts/index.ts";
import { eventually } from "./harness/eventually.ts";
import { gated } from "./harness/gated.ts";
import { startTraffic } from "./harness/traffic.ts";
import { readAnswer, startWorld, type World } from "./harness/world.ts";

const starts = (announcements: { state: string }[]) =>
  announcements.filter(({ state }) => state === "starting");

/** Resolves when this many nodes have sent a heartbeat. */
async function heartbeatsOf(world: World, count: number): Promise<void> {
  const heard = new Set<string>();
  const subscription = world.connection.subscribe(subjects.heartbeatsAll, ({ subject }) =>
    heard.add(subject),
  );
  await eventually(() => expect(heard.size).toBe(count));
  subscription.unsubscribe();
}

describe("a gateway that joins later", () => {
  it("learns of the functions and of the instances that run, and wakes none", async () => {
    await using world = await startWorld();
    await world.push("fn", `export default () => new Response("hi");`);
    await world.push("asleep", `export default () => new Response("was asleep");`);
    await world.call("/fn");
    await world.gateway.close();
    await expect(world.call("/fn")).rejects.toThrow();

    const second = await world.startGateway();
    const call = async (path: string) => readAnswer(await fetch(second.httpUrl + path));
    expect(await call("/fn")).toMatchObject({ status: 200, text: "hi" });
    expect(starts(world.announcements("fn"))).toHaveLength(1);
    expect(await world.ps()).toHaveLength(1);
    expect(await call("/asleep")).toMatchObject({ status: 200, text: "was asleep" });
  });

  it("wakes a function together with the first: one instance answers both", async () => {
    await using world = await startWorld({ nodes: 2 });
    const second = await world.startGateway();
    // Gateways that know the same nodes choose the same node.
    await heartbeatsOf(world, 2);
    await world.push("fn", `export default () => new Response("hi");`);
    const urls = [world.gateway.httpUrl, second.httpUrl, world.gateway.httpUrl, second.httpUrl];
    const answers = await Promise.all(urls.map(async (url) => readAnswer(await fetch(`${url}/fn`))));
    for (const { status, text } of answers) expect([status, text]).toEqual([200, "hi"]);
    expect(starts(world.announcements("fn"))).toHaveLength(1);
  });
});

describe("a gateway that drains", () => {
  it("finishes what it has and refuses what is new, while the other goes on", async () => {
    await using world = await startWorld();
    const second = await world.startGateway();
    await world.push("fn", gated(`"ok"`));
    await world.call("/fn?warm");
    const other = async (query: string) => readAnswer(await fetch(`${second.httpUrl}/fn${query}`));
    const traffic = startTraffic(() => other("?quick"), { clients: 2 });
    const held = Promise.all(Array.from({ length: 5 }, () => world.call("/fn")));
    await eventually(() => expect(world.gateway.counts().get("fn")).toMatchObject({ inFlight: 5 }));
    const drained = world.gateway.drain({ graceMs: 30_000 });
    await traffic.more(10);
    expect(await other("?open")).toMatchObject({ status: 200 });
    await drained;
    for (const { status, text } of await held) expect([status, text]).toEqual([200, "ok"]);
    for (const { status } of await traffic.stop()) expect(status).toBe(200);
  });
});
