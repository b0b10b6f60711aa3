/** Orders to workflows, refused children, calls and messages of steps, and the end of their time. */
import { pino } from "pino";
import { afterAll, describe, expect, it } from "vitest";
import { headerValue } from "../../contracts/index.ts";
import { orderWorkflow, showWorkflow } from "../../control/index.ts";
import { Journals, type Message } from "../../nats/index.ts";
import { createTriggerCalls } from "../../triggers/index.ts";
import { Pinned } from "../../workflows/pinned.ts";
import { sweep } from "../../workflows/sweep.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld({ nodeArguments: ["--metrics", "127.0.0.1:0"] });
afterAll(() => world[Symbol.asyncDispose]());

const source = `import { workflow } from "narun";
export default workflow(async (ctx, input, env) => {
  const ask = (name) => ctx.step(name, { retry: { max: 1 } }, async () => {
    const answer = (await env.TEST.request("test.ask", name)).text();
    if (answer === "broken") throw new Error("broken");
    return answer;
  });
  switch (input.kind) {
    case "fails": {
      const first = await ask("first");
      return [first, await ask("second")];
    }
    case "undone": {
      ctx.onRollback("undo", () => 1);
      return ctx.step("no", { retry: { max: 1 } }, () => { throw new Error("no"); });
    }
    case "itself":
      return ctx.child("orders", input, { id: ctx.id });
    case "above":
      return ctx.child("orders", { kind: "itself-above", above: ctx.id });
    case "itself-above":
      return ctx.child("orders", null, { id: input.above });
    case "deep":
      return ctx.child("orders", input);
    case "parent":
      return ctx.child("orders", null, { id: input.id });
    case "call":
      return [await ctx.call(env.ECHO, "/echo/path", { json: { a: 1 } }), await ctx.call(env.ECHO, "/echo/none").catch((error) => error.message)];
    case "naps":
      await ctx.sleep(20);
      return ctx.step("one", () => 1);
    case "publish":
      return ctx.publish("test.told", { id: ctx.id });
    case "timeout":
      return ctx.step("slow", { timeout: 50, retry: { max: 1 } }, ({ signal }) => new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      })).catch((error) => error.message);
  }
});`;
await world.push(
  "echo",
  `let calls = 0;
export default async (request) => {
  if (request.url.endsWith("/none")) return new Response("no such thing", { status: 404 });
  calls += 1;
  if (calls === 1) return new Response("not yet", { status: 503 });
  return Response.json([request.method, request.headers.get("idempotency-key"), await request.json()]);
};`,
);
await world.push("orders", source, {
  workflow: true,
  bindings: [
    { name: "TEST", publish: ["test.>"] },
    { name: "ECHO", service: "echo" },
  ],
});

const post = (body?: unknown): RequestInit => ({
  method: "POST",
  ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  headers: { "content-type": "application/json" },
});
const run = async (id: string, input: object) => {
  await world.call(`/orders/${id}`, post(input));
  return world.call(`/orders/${id}/result?wait=60`);
};

const problemOf = async (id: string, input: object) => (await run(id, input)).detail ?? "";

describe("retry", () => {
  const asked: string[] = [];
  world.connection.subscribe("test.ask", (message) => {
    asked.push(message.text());
    message.respond(asked.length === 2 ? "broken" : `${message.text()} done`);
  });

  it("takes a failed workflow up behind its last recorded step", async () => {
    expect(await run("failed", { kind: "fails" })).toMatchObject({ status: 500, code: "WORKFLOW_FAILED" });
    expect(asked).toEqual(["first", "second"]);
    expect((await world.call("/orders/failed/retry", post())).status).toBe(202);
    await eventually(async () =>
      expect(await world.call("/orders/failed/result?wait=20")).toMatchObject({
        status: 200,
        text: '["first done","second done"]',
      }),
    );
    expect(asked).toEqual(["first", "second", "second"]);
    const { timeline } = await showWorkflow(world.connection, { workflow: "orders", id: "failed" });
    expect(timeline.filter(({ kind }) => kind === "step")).toMatchObject([
      { name: "first", failures: 0, value: "first done" },
      { name: "second", failures: 1, value: "second done" },
    ]);
  });

  it("is refused where rollbacks have run", async () => {
    expect((await run("undone", { kind: "undone" })).status).toBe(500);
    expect(await world.call("/orders/undone/retry", post())).toMatchObject({
      status: 409,
      code: "WORKFLOW_ROLLED_BACK",
    });
    const order = orderWorkflow(world.connection, { workflow: "orders", id: "undone" }, { order: "retry" });
    await expect(order).rejects.toMatchObject({ code: "WORKFLOW_ROLLED_BACK" });
  });
});

describe("a child is refused", () => {
  it("that is one of its own ancestors", async () => {
    expect(await problemOf("itself", { kind: "itself" })).toContain("WORKFLOW_CYCLE: orders/itself is above");
    expect(await problemOf("above", { kind: "above" })).toContain(
      "WORKFLOW_CYCLE: orders/above is above itself: orders/above > orders/above-0-0 > orders/above",
    );
  });

  it("that has no end of children below it", async () => {
    expect(await problemOf("deep", { kind: "deep" })).toContain("WORKFLOW_CYCLE: more than 32 workflows");
  });

  it("that has another parent, or none", async () => {
    await run("taken", {});
    expect(await problemOf("parent", { kind: "parent", id: "taken" })).toContain("WORKFLOW_ID_TAKEN");
  });
});

describe("steps of their own kinds", () => {
  it("call a function with one key for all attempts, and give up where it refuses", async () => {
    const [answer, refusal] = JSON.parse((await run("call", { kind: "call" })).text);
    expect(answer).toEqual(["POST", "orders/call/0/0", { a: 1 }]);
    expect(refusal).toContain("was answered with 404: no such thing");
  });

  it("publish with an id", async () => {
    const told = new Promise<Message>((resolve) => {
      world.connection.subscribe("test.told", resolve);
    });
    expect((await run("publish", { kind: "publish" })).status).toBe(200);
    const message = await told;
    expect(message.text()).toBe('{"id":"publish"}');
    expect(headerValue(message.headers, "Nats-Msg-Id")).toBe("orders/publish/0/0");
  });

  it("end by their time", async () => {
    expect((await run("timeout", { kind: "timeout" })).text).toContain("was not done after 50 ms");
  });

  it("stand behind versions, which older workflows do not have", async () => {
    const code = (more: string) => `import { workflow } from "narun";
      export default workflow(async (ctx) => {
        await ctx.waitFor("go");
        ${more}
        return await ctx.step("last", () => "last");
      });`;
    await world.push("versions", code('await ctx.step("old", () => 1); await ctx.waitFor("more");'), {
      workflow: true,
    });
    await world.call("/versions/old", post());
    await world.call("/versions/old/signals/go", post(1));
    const name = { workflow: "versions", id: "old" };
    await eventually(async () =>
      expect((await showWorkflow(world.connection, name)).timeline).toMatchObject([
        {},
        {},
        { name: "go" },
        { name: "old" },
        { name: "more" },
      ]),
    );
    const newer = `if (ctx.version("v2")) await ctx.step("new", () => 2); else await ctx.step("old", () => 1);
        await ctx.waitFor("more");`;
    await world.push("versions", code(newer), { workflow: true });
    await orderWorkflow(world.connection, name, { order: "migrate" });
    for (const id of ["old", "new"]) {
      if (id === "new") await world.call("/versions/new", post());
      for (const signal of ["go", "more"]) await world.call(`/versions/${id}/signals/${signal}`, post(1));
      expect((await world.call(`/versions/${id}/result?wait=30`)).text).toBe('"last"');
    }
    const steps = async (id: string) =>
      (await showWorkflow(world.connection, { ...name, id })).timeline
        .filter(({ kind }) => kind === "step")
        .map((entry) => entry.name);
    expect([await steps("old"), await steps("new")]).toEqual([
      ["old", "last"],
      ["new", "last"],
    ]);
  });
});

describe("all workflows", () => {
  it("are counted by their node", async () => {
    const [node] = world.nodes;
    if (node === undefined) throw new Error("no node");
    const read = async () => {
      const text = await (await fetch(`${node.metricsUrl}/metrics`)).text();
      return (name: string) =>
        Number(
          text
            .split("\n")
            .find((line) => line.startsWith(`${name} `))
            ?.split(" ")[1] ?? 0,
        );
    };
    const before = await read();
    await run("counted", { kind: "naps" });
    await eventually(async () => {
      const now = await read();
      const more = (name: string) => now(`narun_workflow_${name}`) - before(`narun_workflow_${name}`);
      expect([more("started_total"), more("steps_total"), more("wakes_total")]).toEqual([1, 1, 1]);
      expect(more('ended_total{state="done"}')).toBe(1);
      expect(more("wake_lateness_seconds_total")).toBeGreaterThan(0);
      expect(now("narun_workflow_running")).toBe(0);
    });
  });

  it("go when their time is over", async () => {
    await run("over", {});
    const { connection: nats } = world;
    const calls = createTriggerCalls({ nats, log: pino({ level: "silent" }) });
    const parts = { nats, calls, journals: new Journals(nats), pinned: new Pinned({ nats, calls }) };
    const stateOf = async () => (await world.call("/orders/over")).status;
    await sweep(parts);
    expect(await stateOf()).toBe(200);
    await sweep({ ...parts, nowMs: Date.now() + 7 * 86_400_000 });
    expect(await stateOf()).toBe(404);
    calls.close();
  });
});
