/** Services that require others: the order of their starts, its time limit, and cycles. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { pauseService, resumeService, showService } from "../../control/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startForeignService } from "../harness/foreign-service.ts";
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
});
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

const kept = { scale: { min: 1 } };
const readyAt = (name: string) => world.announcements(name).find(({ state }) => state === "ready")?.at;

it("starts the instances of scale.min after the services that they require, and starts those", async () => {
  await world.push("kept-top", source("kept-top", ["kept-middle"]), kept);
  await world.push("kept-middle", source("kept-middle", ["kept-base"]));
  expect([readyAt("kept-top"), readyAt("kept-middle")]).toEqual([undefined, undefined]);
  await world.push("kept-base", source("kept-base"));
  await world.announced("kept-top", "ready");
  const [base = Infinity, middle = Infinity, top = 0] = ["kept-base", "kept-middle", "kept-top"].map(readyAt);
  expect(base).toBeLessThanOrEqual(middle);
  expect(middle).toBeLessThanOrEqual(top);
});

it("starts them where the required service runs on another node, or is no function", async () => {
  await world.push("kept-far", source("kept-far", ["foreign"]), kept);
  // A start that waits for nothing would be over by now.
  await world.push("meanwhile", source("meanwhile"), kept);
  await world.announced("meanwhile", "ready");
  expect(readyAt("kept-far")).toBeUndefined();
  await using _ = await startForeignService({ url: world.nats.url, name: "foreign", answer: "yes" });
  await world.announced("kept-far", "ready");
});

it("ends the services of a node before those that they require", async () => {
  await using own = await startWorld();
  for (const [name, requires] of [
    ["root", []],
    ["stem", ["root"]],
    ["leaf", ["stem"]],
  ] as const)
    await own.push(name, source(name, [...requires]));
  expect((await own.call("/leaf.go", { method: "POST" })).status).toBe(200);
  await own.nodes[0]?.drain();
  await own.announced("root", "gone");
  const at = (name: string, wanted: string) =>
    own.announcements(name).find(({ state }) => state === wanted)?.at ?? 0;
  expect(at("leaf", "gone")).toBeLessThanOrEqual(at("stem", "draining"));
  expect(at("stem", "gone")).toBeLessThanOrEqual(at("root", "draining"));
}, 60_000);
