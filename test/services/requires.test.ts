/** Services that require others: the order of their starts, its time limit, and cycles. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { pauseService, resumeService, showService } from "../../control/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";

const source = (name: string, requires: string[] = []) => `
import { service } from "narun";
export default service({ name: "${name}", version: "1.0.0", requires: ${JSON.stringify(requires)} })
  .action("go", {}, () => "went");
`;
const go = (name: string) => world.call(`/${name}.go`, { method: "POST" });

let world: World;
beforeAll(async () => {
  world = await startWorld();
}, 60_000);
afterAll(async () => world[Symbol.asyncDispose]());

it("starts a service after those that it requires, and those that they require", async () => {
  await world.push("base", source("base"));
  await world.push("middle", source("middle", ["base"]));
  await world.push("top", source("top", ["middle"]));
  expect((await go("top")).status).toBe(200);
  const running = await Promise.all(["base", "middle", "top"].map((name) => world.ps(name)));
  expect(running.map((instances) => instances.length)).toEqual([1, 1, 1]);
  const [base = 0, middle = 0, top = 0] = running.map(([one]) => Date.parse(one?.startedAt ?? ""));
  expect(base).toBeLessThanOrEqual(middle);
  expect(middle).toBeLessThanOrEqual(top);
});

it("says for whom a service waits when its time is over, and starts it when that one runs", async () => {
  await world.push("needy", source("needy", ["absent", "base"]));
  const impatient = await world.startGateway({ hold: { holdMs: 300 } });
  const answer = await fetch(`${impatient.httpUrl}/needy.go`, { method: "POST" });
  expect(answer.status).toBe(503);
  const problem = JSON.parse(await answer.text());
  expect(problem).toMatchObject({ code: "REQUIRED_NOT_RUNNING" });
  expect(problem.detail).toContain("needy waits for absent");
  expect(await world.ps("needy")).toEqual([]);
  await eventually(async () =>
    expect(await showService(world.connection, "needy")).toMatchObject({
      state: "waiting",
      waitsFor: ["absent"],
    }),
  );
  const held = go("needy");
  await eventually(() => expect(world.gateway.counts().get("needy")).toMatchObject({ held: 1 }));
  await world.push("absent", source("absent"));
  expect((await held).status).toBe(200);
});

it("waits for a service that is paused", async () => {
  await world.push("paused", source("paused"));
  await world.push("waiter", source("waiter", ["paused"]));
  await pauseService(world.connection, "paused");
  const held = go("waiter");
  await eventually(() => expect(world.gateway.counts().get("waiter")).toMatchObject({ held: 1 }));
  expect(await world.ps("waiter")).toEqual([]);
  await resumeService(world.connection, "paused");
  expect((await held).status).toBe(200);
});

it("refuses a push that would close a circle, and names it", async () => {
  await world.push("egg", source("egg", ["hen"]));
  await world.push("chick", source("chick", ["egg"]));
  await expect(world.push("hen", source("hen", ["chick"]))).rejects.toMatchObject({
    code: "REQUIRES_CYCLE",
    fields: { detail: "hen → chick → egg → hen" },
  });
  expect((await go("hen")).status).toBe(404);
});
