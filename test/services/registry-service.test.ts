/** The registry as a service: asked over plain NATS and by a binding, and its events. */
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { headerNames, REGISTRY_SERVICE } from "../../contracts/index.ts";
import { removeFunction, type ServedRegistry, serveRegistry } from "../../control/index.ts";
import { connectNats, createHeaders, discoverServices, headerValue, openEvents } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";

const source = (name: string, requires: string[] = []) => `
import { service } from "narun";
export default service({ name: "${name}", version: "1.0.0", requires: ${JSON.stringify(requires)} })
  .action("go", {}, () => "went");
`;
const ASKER = `export default { async fetch(request, env) {
  const answer = async (call) => { try { return await call(); } catch (error) { return error.code; } };
  return Response.json([
    (await env.REGISTRY.list()).map(({ name }) => name),
    (await env.REGISTRY.info({ name: "top" })).requires,
    await answer(() => env.REGISTRY.info({ name: "tops" })),
    await answer(() => env.REGISTRY.remove({ name: "top" })),
  ]);
} };`;

let world: World;
const registries: ServedRegistry[] = [];
beforeAll(async () => {
  world = await startWorld();
  const log = { warn: () => undefined, debug: () => undefined };
  // As beside two gateways.
  for (const { specs } of [world.gateway, await world.startGateway()])
    registries.push(await serveRegistry({ nats: world.connection, specs, log }));
  await world.push("base", source("base"));
  await world.push("top", source("top", ["base"]));
}, 120_000);
afterAll(async () => {
  for (const registry of registries) await registry.close();
  await world[Symbol.asyncDispose]();
});

const ask = (action: string, text = "", world_?: string) =>
  world.connection.request(`${REGISTRY_SERVICE}.${action}`, text, {
    timeoutMs: 30_000,
    ...(world_ !== undefined && { headers: createHeaders([[headerNames.world, world_]]) }),
  });
const json = async (action: string, text?: string) => JSON.parse((await ask(action, text)).text());

describe("the registry", () => {
  it("is a NATS Micro service, whose actions any client asks", async () => {
    expect(await discoverServices(world.connection, { name: REGISTRY_SERVICE })).toHaveLength(2);
    await eventually(async () =>
      expect(await json("list")).toMatchObject([
        { name: "base", version: "1.0.0", state: "initialised", actions: 1 },
        { name: "top", requires: ["base"] },
      ]),
    );
    expect(await json("info", '{"name":"base"}')).toMatchObject({
      requiredBy: ["top"],
      actions: [{ name: "go" }],
    });
    expect((await json("graph")).edges).toEqual([{ from: "top", to: "base", kind: "requires" }]);
  });

  it("computes each answer anew", async () => {
    await world.call("/top.go", { method: "POST" });
    await eventually(async () =>
      expect(await json("info", '{"name":"top"}')).toMatchObject({ state: "running" }),
    );
  });

  it.each([
    ["info", "", "INVALID_INPUT"],
    ["info", "not JSON", "INVALID_INPUT"],
    ["info", '{"name":7}', "INVALID_INPUT"],
    ["info", '{"name":"bas"}', "NO_SUCH_SERVICE"],
  ])("answers %s with %j by a named problem", async (action, text, code) => {
    const reply = await ask(action, text);
    expect(JSON.parse(reply.text())).toMatchObject({ code });
    expect(headerValue(reply.headers, "Nats-Service-Error-Code")).toMatch(/^4/);
  });

  it("answers no other world", async () => {
    expect(headerValue((await ask("list", "", "another")).headers, headerNames.error)).toBe(
      "INSTANCE_DRAINING",
    );
  });

  it("is called by a function with a binding", async () => {
    await world.push("asker", ASKER, { bindings: [{ name: "REGISTRY", service: REGISTRY_SERVICE }] });
    const answer = await world.call("/asker");
    expect(JSON.parse(answer.text)).toEqual([["base", "top"], ["base"], "NO_SUCH_SERVICE", "NO_SUCH_ACTION"]);
    expect((await json("graph")).edges).toContainEqual({
      ...{ from: "asker", to: REGISTRY_SERVICE, kind: "calls", binding: "REGISTRY" },
    });
  });

  it("takes its name from functions", async () => {
    await expect(world.push(REGISTRY_SERVICE, ASKER)).rejects.toMatchObject({ code: "NAME_TAKEN" });
  });
});

it("costs no consumer and no question to JetStream at its start, as its gateway follows the specs", async () => {
  const manager = await jetstreamManager(world.connection.connection);
  const consumers = async () => (await manager.streams.info("KV_app-configs")).state.consumer_count;
  const before = await consumers();
  const asked: string[] = [];
  const api = await connectNats({ url: world.nats.url, name: "api" });
  const spy = api.subscribe("$JS.API.>", ({ subject }) => void asked.push(subject));
  await api.flush();
  const log = { warn: () => undefined, debug: () => undefined };
  const registry = await serveRegistry({ nats: world.connection, specs: world.gateway.specs, log });
  await world.connection.flush();
  // The server has told of all questions before it answers one of the listener itself.
  await api.flush();
  expect(asked).toEqual([]);
  expect(await consumers()).toBe(before);
  await eventually(() => expect(asked).toContain("$JS.API.STREAM.INFO.KV_app-configs"));
  await registry.close();
  spy.unsubscribe();
  await api.close();
});

it("tells each change once, also beside two gateways, as an event", async () => {
  const events = await openEvents(world.connection);
  await world.push("short", source("short"));
  await world.push("short", source("short").replace("went", "gone"));
  await removeFunction(world.connection, "short");
  const told = async () => {
    const found: unknown[] = [];
    for await (const { subject, data } of events.read(`${REGISTRY_SERVICE}.*.short`, 1))
      found.push([subject, JSON.parse(Buffer.from(data).toString())]);
    return found;
  };
  await eventually(async () =>
    expect(await told()).toMatchObject([
      [`${REGISTRY_SERVICE}.appeared.short`, { event: "appeared", service: "short" }],
      [`${REGISTRY_SERVICE}.changed.short`, { changes: ["revision"] }],
      [`${REGISTRY_SERVICE}.left.short`, { event: "left" }],
    ]),
  );
  await world.connection.flush();
  expect(await told()).toHaveLength(3);
});
