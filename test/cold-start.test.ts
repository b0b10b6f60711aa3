import { afterAll, describe, expect, it } from "vitest";
import { eventually } from "./harness/eventually.ts";
import { startWorld } from "./harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

const asleep = (name: string) => eventually(async () => expect(await world.ps(name)).toEqual([]));

describe("a function that sleeps", () => {
  it("is started by a request, sleeps when nobody calls, and is started again, again and again", async () => {
    await world.push("nap", `export default () => new Response("awake");`, { scale: { idleSeconds: 0.2 } });
    expect(await world.ps("nap")).toEqual([]);
    for (const round of [1, 2, 3]) {
      expect(await world.call("/nap")).toMatchObject({ status: 200, text: "awake" });
      const gone = await world.announced("nap", "gone", round);
      expect(gone).toMatchObject({ reason: "idle" });
      await asleep("nap");
    }
    // Runner and host announce over separate connections: the order holds only within each of them.
    const states = world.announcements("nap").map(({ state }) => state);
    expect(states.sort()).toEqual(
      ["draining", "gone", "ready", "starting"].flatMap((state) => Array(3).fill(state)),
    );
    const statuses = Array(3).fill(["starting", "running", "stopping", "stopped"]).flat();
    await eventually(() => expect(world.statuses("nap").map(({ status }) => status)).toEqual(statuses));
  });

  it("starts one instance for many requests that come at once", async () => {
    await world.push(
      "crowd",
      `export default (request: Request) => new Response(request.headers.get("x-n"));`,
    );
    const numbers = Array.from({ length: 40 }, (_, index) => String(index));
    const answers = await Promise.all(
      numbers.map((number) => world.call("/crowd", { headers: { "x-n": number } })),
    );
    expect(answers.map(({ text }) => text)).toEqual(numbers);
    expect(world.announcements("crowd").filter(({ state }) => state === "starting")).toHaveLength(1);
  });

  it("shows what the wait was made of on the request that waited, and only there", async () => {
    await world.push("timed", `export default () => new Response("ok");`);
    const cold = await world.call("/timed");
    expect(cold.headers.get("server-timing")).toMatch(/^hold;dur=\d+\.\d, start;dur=\d+\.\d$/);
    const warm = await world.call("/timed");
    expect(warm.headers.get("server-timing")).toBeNull();
  });

  it("gives every answer a request id, and the function the same one", async () => {
    await world.push("ids", `export default (_request, _env, ctx) => new Response(ctx.requestId);`);
    const cold = await world.call("/ids");
    const warm = await world.call("/ids");
    const unknown = await world.call("/nobody-has-this");
    const ids = [cold, warm, unknown].map(({ headers }) => headers.get("x-request-id"));
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(id).toMatch(/^[\w.:-]+$/);
    expect([cold.text, warm.text]).toEqual(ids.slice(0, 2));
    const given = await world.call("/ids", { headers: { "x-request-id": "from-the-client" } });
    expect(given).toMatchObject({ text: "from-the-client" });
    expect(given.headers.get("x-request-id")).toBe("from-the-client");
  });
});
