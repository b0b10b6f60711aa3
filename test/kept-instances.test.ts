import { afterAll, describe, expect, it } from "vitest";
import { eventually } from "./harness/eventually.ts";
import { startWorld } from "./harness/world.ts";

const world = await startWorld({ nodes: 2 });
afterAll(() => world[Symbol.asyncDispose]());

const source = `export default () => new Response("here");`;

describe("scale.min", () => {
  it("is kept by all nodes together, without anybody calling", async () => {
    await world.push("kept", source, { scale: { min: 3, idleSeconds: 0.2 } });
    await eventually(async () => expect(await world.ps("kept")).toHaveLength(3));
    const perNode = Map.groupBy(await world.ps("kept"), ({ node }) => node);
    expect([...perNode.values()].map(({ length }) => length).sort()).toEqual([1, 2]);
    // Neither node started an instance too many, so none had to end.
    expect(world.announcements("kept").filter(({ state }) => state === "starting")).toHaveLength(3);
  });

  it("of a function that dies at once is kept with growing pauses", async () => {
    const dying = `setTimeout(() => { for (;;); }, 0); ${source}`;
    await world.push("dying", dying, { scale: { min: 1 }, limits: { cpuMs: 20 } });
    const times = async (state: "starting" | "draining", count: number) =>
      (await world.announced("dying", state, count)).at;
    const [second, third] = [await times("starting", 2), await times("starting", 3)];
    expect(second - (await times("draining", 1))).toBeGreaterThanOrEqual(200);
    expect(third - (await times("draining", 2))).toBeGreaterThanOrEqual(700);
  });

  it("is made up for when a node dies", async () => {
    await world.push("lasting", source, { scale: { min: 2 } });
    await eventually(async () => expect(await world.ps("lasting")).toHaveLength(2));
    await world.nodes[0]?.kill9();
    const survivor = world.nodes[1]?.name;
    await eventually(
      async () => {
        const nodes = (await world.ps("lasting")).map(({ node }) => node);
        expect(nodes).toEqual([survivor, survivor]);
      },
      { timeoutMs: 20_000 },
    );
  });
});
