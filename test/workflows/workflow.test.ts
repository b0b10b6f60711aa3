/** Durable workflows through a whole narun: steps, and the deaths of all that runs them. */
import { afterAll, describe, expect, it } from "vitest";
import { subjects } from "../../contracts/index.ts";
import type { Message } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

const sum = `import { workflow } from "narun";
export default workflow(async (ctx, input) => {
  const a = await ctx.step("a", () => input.n + 1);
  const b = await ctx.step("b", () => a * 2);
  const c = await ctx.step("c", () => ({ a, b }));
  return { ...c, id: ctx.id };
});`;

/** Each step asks the test for its result. */
const asking = `import { workflow } from "narun";
export default workflow(async (ctx, input, env) => {
  const ask = (name) => ctx.step(name, async ({ key }) => {
    const reply = await env.TEST.request("test.steps", ctx.id + " " + name + " " + key, { timeoutMs: 20000 });
    return reply.text();
  });
  return [await ask("first"), await ask("second"), await ask("third")];
});`;
const bindings = [{ name: "TEST", publish: ["test.>"] }];

const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  body: JSON.stringify(body),
  headers: { "content-type": "application/json", ...headers },
});
const waiting = { prefer: "wait=30" };

/** The questions of the steps of one workflow, in order, and their answers. */
function followSteps(id: string) {
  const asked: string[] = [];
  const waitingFor = new Map<string, () => void>();
  const held = new Map<string, Message>();
  const subscription = world.connection.subscribe("test.steps", (message) => {
    const [from, name = "", key] = message.text().split(" ");
    if (from !== id) return;
    asked.push(`${name} ${key}`);
    if (name === "second" && asked.filter((one) => one.startsWith("second")).length === 1) {
      held.set(name, message);
      waitingFor.get(name)?.();
    } else message.respond(`${name} done`);
  });
  return {
    asked,
    /** Resolves when the second step runs. Its first attempt gets no answer. */
    untilSecond: () =>
      new Promise<void>((resolve) => {
        if (held.has("second")) resolve();
        else waitingFor.set("second", resolve);
      }),
    /** Answers the attempt that waits. */
    answer: () => held.get("second")?.respond("second done"),
    end: () => subscription.unsubscribe(),
  };
}

describe("a workflow", () => {
  it("is started by a request, and answers with its result", async () => {
    await world.push("sum", sum, { workflow: true });
    const answer = await world.call("/sum/first", post({ n: 1 }, waiting));
    expect(answer).toMatchObject({ status: 200, text: JSON.stringify({ a: 2, b: 4, id: "first" }) });
    const again = await world.call("/sum/first", post({ n: 9 }));
    expect([again.status, JSON.parse(again.text)]).toEqual([
      200,
      { id: "first", state: "done", isNew: false },
    ]);
  });

  it("goes on behind its last step when the host of its code is killed", async () => {
    await world.push("hosted", asking, { workflow: true, bindings });
    const steps = followSteps("h1");
    const result = world.call("/hosted/h1", post(null));
    await steps.untilSecond();
    await result;
    process.kill(await world.hostPid("hosted"), "SIGKILL");
    const ended = await world.call("/hosted/h1/result?wait=30");
    expect(JSON.parse(ended.text)).toEqual(["first done", "second done", "third done"]);
    expect(steps.asked).toEqual([
      "first hosted/h1/0/0",
      "second hosted/h1/0/1",
      "second hosted/h1/0/1",
      "third hosted/h1/0/2",
    ]);
    steps.end();
  });

  it("goes on where it is when its runner alone is killed: no second executor begins", {
    timeout: 120_000,
  }, async () => {
    const takeovers: string[] = [];
    world.connection.subscribe(subjects.workflowAsk, (message) => takeovers.push(message.text()));
    await world.push("noded", asking, { workflow: true, bindings });
    const steps = followSteps("n1");
    await world.call("/noded/n1", post(null));
    await steps.untilSecond();
    // The runner of its host has its message: the other one comes later.
    await world.startNode("node-1");
    await world.nodes[0]?.kill9();
    // Its host lives on, and answers the runner that would take the workflow over: that one asks again later.
    await eventually(() => expect(takeovers.filter((key) => key === "noded.n1").length).toBeGreaterThan(1), {
      timeoutMs: 60_000,
    });
    steps.answer();
    const ended = await world.call("/noded/n1/result?wait=30");
    expect(JSON.parse(ended.text)).toEqual(["first done", "second done", "third done"]);
    expect(steps.asked).toEqual(["first noded/n1/0/0", "second noded/n1/0/1", "third noded/n1/0/2"]);
    steps.end();
  });
});
