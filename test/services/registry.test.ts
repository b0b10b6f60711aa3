/** The services of a system: the registry, its events, and the pause. */
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  graphServices,
  listServices,
  pauseService,
  removeFunction,
  resumeService,
  type ServiceEvent,
  showService,
  watchServices,
} from "../../control/index.ts";
import { openByteKv } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { ordersInterface, serviceInterface } from "../harness/service-spec.ts";
import { startWorld, type World } from "../harness/world.ts";
import { describe as describeService } from "./described.ts";

const HELLO = `export default { fetch: (request) => new Response("hi " + new URL(request.url).pathname) };`;

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(async () => world[Symbol.asyncDispose]());

const stateOf = async (name: string) => (await showService(world.connection, name)).state;

describe("a paused service", () => {
  it("ends its instances, holds its requests, and answers them when it goes on", async () => {
    await world.push("orders", HELLO);
    await describeService(world, "orders", ordersInterface);
    await eventually(async () => expect(await stateOf("orders")).toBe("initialised"));
    expect((await world.call("/orders")).status).toBe(200);
    await eventually(async () => expect(await stateOf("orders")).toBe("running"));

    const { pausedSince, changed, answering } = await pauseService(world.connection, "orders");
    expect({ changed, answering }).toEqual({ changed: true, answering: true });
    await eventually(async () => expect(await stateOf("orders")).toBe("paused"));
    expect(await world.ps("orders")).toEqual([]);
    expect(await showService(world.connection, "orders")).toMatchObject({ pausedSince, whenPaused: "hold" });
    // Over HTTP, and by plain NATS.
    const held = world.call("/orders");
    const plain = world.connection.request("orders", "", { timeoutMs: 20_000 });
    await eventually(() => expect(world.gateway.counts().get("orders")).toMatchObject({ held: 1 }));
    expect(await world.ps("orders")).toEqual([]);
    // A push keeps the pause.
    await world.push("orders", HELLO.replace("hi", "ho"));
    expect(await stateOf("orders").catch(() => "paused")).toBe("paused");
    expect(world.gateway.counts().get("orders")).toMatchObject({ held: 1 });

    await resumeService(world.connection, "orders");
    expect(await held).toMatchObject({ status: 200, text: "ho /orders" });
    expect((await plain).text()).toBe("ho /orders");
    expect((await resumeService(world.connection, "orders")).changed).toBe(false);
  });

  it("refuses at once where it says so, over HTTP and NATS", async () => {
    await world.push("strict", HELLO);
    await describeService(
      world,
      "strict",
      serviceInterface("strict", { whenPaused: "refuse", actions: [{ name: "go" }] }),
    );
    await eventually(async () => expect(await stateOf("strict")).toBe("initialised"));
    await pauseService(world.connection, "strict");
    expect(await world.call("/strict")).toMatchObject({ status: 503, code: "SERVICE_PAUSED" });
    const reply = await world.connection.request("narun.invoke.strict", "", { timeoutMs: 10_000 });
    expect(reply.headers?.get("Narun-Error")).toEqual(["SERVICE_PAUSED"]);
    await resumeService(world.connection, "strict");
    expect((await world.call("/strict")).status).toBe(200);
  });

  it("ends the hold of a request with its own code", async () => {
    await world.push("slow", HELLO);
    const impatient = await world.startGateway({ hold: { holdMs: 100 } });
    await pauseService(world.connection, "slow");
    const answer = await fetch(`${impatient.httpUrl}/slow`);
    expect(await answer.json()).toMatchObject({ status: 503, code: "SERVICE_PAUSED" });
  });

  it("is told by its nearest name where there is none", async () => {
    await expect(pauseService(world.connection, "order")).rejects.toMatchObject({
      code: "FUNCTION_NOT_FOUND",
    });
  });
});

describe("a service that starts", () => {
  it("is created until its onStart has ended, and runs then", async () => {
    const source = `import { service } from "narun";
      export default service({ name: "early", version: "1.0.0" })
        .onStart(async (env) => { while (await env.GATE.get("open") === null) await new Promise((next) => setTimeout(next, 20)); })
        .action("go", {}, () => "gone");`;
    await world.push("early", source, {
      bindings: [{ name: "GATE", kv: "gate" }],
      limits: { startMs: 120_000, cpuMs: 60_000 },
    });
    await eventually(async () => expect(await stateOf("early")).toBe("initialised"));
    const call = world.call("/early.go", { method: "POST" });
    await eventually(async () => expect(await stateOf("early")).toBe("created"), { timeoutMs: 20_000 });
    expect(await world.ps("early")).toEqual([]);
    await openByteKv(world.connection, "gate").put("open", Buffer.from("yes"));
    expect(await call).toMatchObject({ status: 200, text: '"gone"' });
    await eventually(async () => expect(await stateOf("early")).toBe("running"));
  }, 60_000);
});

describe("the registry", () => {
  it("lists services and what they wait for, and shows who needs whom", async () => {
    await world.push("stock", HELLO);
    await world.push("shop", HELLO, { bindings: [{ name: "STOCK", service: "stock" }] });
    await describeService(world, "stock", serviceInterface("stock", { actions: [] }));
    const needs = { requires: ["stock", "payments"], actions: [{ name: "go" }] };
    await describeService(world, "shop", serviceInterface("shop", needs));
    await eventually(async () =>
      expect((await listServices(world.connection)).find(({ name }) => name === "shop")).toMatchObject({
        state: "waiting",
        waitsFor: ["payments"],
        requires: ["stock", "payments"],
      }),
    );
    expect((await showService(world.connection, "stock")).requiredBy).toEqual(["shop"]);
    const { edges, cycles } = await graphServices(world.connection);
    expect(cycles).toEqual([]);
    expect(edges.filter(({ from }) => from === "shop")).toEqual([
      { from: "shop", to: "stock", kind: "requires" },
      { from: "shop", to: "payments", kind: "requires", isMissing: true },
      { from: "shop", to: "stock", kind: "calls", binding: "STOCK" },
    ]);
    await describeService(world, "stock", serviceInterface("stock", { requires: ["shop"], actions: [] }));
    await eventually(async () =>
      expect((await graphServices(world.connection)).cycles).toEqual([["shop", "stock", "shop"]]),
    );
  });

  it("tells services that appear, change and leave", async () => {
    const events: ServiceEvent[] = [];
    const over = new AbortController();
    const watching = watchServices(world.connection, (event) => events.push(event), over.signal);
    const told = (service: string) =>
      events.flatMap((one) => {
        if (one.service !== service || one.event === "instance") return [];
        return one.event === "changed" ? [`changed ${one.changes.join()}`] : [one.event];
      });
    await world.push("guest", HELLO);
    await eventually(async () => {
      // The watch has begun where it tells of the next change.
      await describeService(world, "guest", serviceInterface("guest", { actions: [{ name: "go" }] }));
      expect(told("guest")).toEqual(["appeared"]);
    });
    await describeService(world, "guest", serviceInterface("guest", { version: "2.0.0", actions: [] }));
    await eventually(() => expect(told("guest")).toEqual(["appeared", "changed interface"]));
    expect((await world.call("/guest")).status).toBe(200);
    await eventually(() =>
      expect(events).toContainEqual(
        expect.objectContaining({ event: "instance", service: "guest", state: "ready" }),
      ),
    );
    await pauseService(world.connection, "guest");
    await eventually(() => expect(told("guest").at(-1)).toBe("changed paused"));
    await removeFunction(world.connection, "guest");
    await eventually(() => expect(told("guest").at(-1)).toBe("left"));
    over.abort();
    await watching;
  });
});

describe("a paused function with a queue", () => {
  it("leaves its messages where they are", async () => {
    const js = world.connection;
    const manager = await jetstreamManager(js.connection);
    await manager.streams.add({ name: "JOBS", subjects: ["jobs.>"] });
    await world.push(
      "worker",
      `export default { async queue(batch, env) { for (const m of batch.messages) await env.DONE.put(m.id, "x"); } };`,
      { consume: [{ stream: "JOBS", maxDeliver: 1 }], bindings: [{ name: "DONE", kv: "done" }] },
    );
    await pauseService(js, "worker");
    await eventually(async () => expect(await world.ps("worker")).toEqual([]));
    js.publish("jobs.a", "1");
    await js.flush();
    const consumer = () => manager.consumers.list("JOBS").next();
    await eventually(async () =>
      expect((await consumer())[0]).toMatchObject({ num_pending: 1, num_ack_pending: 0 }),
    );
    await resumeService(js, "worker");
    await eventually(
      async () => expect((await consumer())[0]).toMatchObject({ num_pending: 0, num_ack_pending: 0 }),
      { timeoutMs: 20_000 },
    );
  });
});
