/** Workflows whose function is not there: never pushed, removed, or no workflow any more. */
import { afterAll, describe, expect, it } from "vitest";
import { stores } from "../../contracts/index.ts";
import { listWorkflows, orderWorkflow, removeFunction, resultOfWorkflow } from "../../control/index.ts";
import { Journals, toMessage } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld({ nodes: 2 });
afterAll(() => world[Symbol.asyncDispose]());
const journals = new Journals(world.connection);

const source = `import { workflow } from "narun";
export default workflow(async (ctx) => {
  const first = await ctx.step("first", () => "first");
  return [first, await ctx.waitFor("go"), await ctx.step("last", () => "last")];
});`;
const push = (name: string) => world.push(name, source, { workflow: true });
const listed = (workflow: string) => Array.fromAsync(listWorkflows(world.connection, { workflow }));
const GO = { order: "signal", name: "go", payload: 1 } as const;
const MISSING = { state: "stuck", error: { code: "WORKFLOW_FUNCTION_MISSING" } };
const messagesOf = async (workflow: string, id: string) =>
  (await journals.read({ workflow, id })).map(toMessage);

async function consumerInfo() {
  const { stream, consumer } = stores.workflows;
  const answer = await world.connection.request(`$JS.API.CONSUMER.INFO.${stream}.${consumer}`, "", {
    timeoutMs: 5_000,
  });
  return JSON.parse(answer.text());
}

describe("a workflow whose function was removed", () => {
  it("waits without a due message, says why, and goes on once when the function is back", async () => {
    await push("left");
    await world.call("/left/open", { method: "POST" });
    await eventually(async () => expect(await listed("left")).toMatchObject([{ state: "waiting" }]));
    await removeFunction(world.connection, "left");
    await orderWorkflow(world.connection, { workflow: "left", id: "open" }, GO);
    await eventually(async () => {
      expect(await listed("left")).toMatchObject([MISSING]);
      expect(await consumerInfo()).toMatchObject({ num_ack_pending: 0, num_pending: 0 });
    });

    await push("left");
    const record = await resultOfWorkflow(world.connection, { workflow: "left", id: "open" }, 30_000);
    expect(record).toMatchObject({ state: "done", value: ["first", 1, "last"] });
    const inputs = (await messagesOf("left", "open")).flatMap((one) => one.in?.t ?? []);
    expect(inputs).toEqual(["start", "signal", "timer"]);
  });

  it("begins when the function comes later, and then stays at that revision", async () => {
    await journals.send({ workflow: "later", id: "early" }, { t: "start" }, true);
    await eventually(async () => expect(await listed("later")).toMatchObject([MISSING]));
    const { revision } = await push("later");
    await eventually(async () => expect(await listed("later")).toMatchObject([{ state: "waiting" }]));
    const records = (await messagesOf("later", "early")).flatMap(({ log }) => log ?? []);
    expect(records.find(({ mark }) => mark !== true)).toMatchObject({ rev: revision });
    await orderWorkflow(world.connection, { workflow: "later", id: "early" }, GO);
    const record = await resultOfWorkflow(world.connection, { workflow: "later", id: "early" }, 30_000);
    expect(record).toMatchObject({ state: "done" });
  });

  it("waits also where the function is no workflow any more", async () => {
    await push("changed");
    await world.call("/changed/open", { method: "POST" });
    await eventually(async () => expect(await listed("changed")).toMatchObject([{ state: "waiting" }]));
    await world.push("changed", `export default () => new Response("other");`);
    await orderWorkflow(world.connection, { workflow: "changed", id: "open" }, GO);
    await eventually(async () => expect(await listed("changed")).toMatchObject([MISSING]));
    await push("changed");
    const record = await resultOfWorkflow(world.connection, { workflow: "changed", id: "open" }, 30_000);
    expect(record).toMatchObject({ state: "done" });
  });
});

it("a workflow that no node has seen is listed by its start", async () => {
  await using empty = await startWorld({ nodes: 0 });
  await new Journals(empty.connection).send({ workflow: "absent", id: "begun" }, { t: "start" }, true);
  const found = await Array.fromAsync(listWorkflows(empty.connection, { state: "running" }));
  expect(found).toEqual([{ workflow: "absent", id: "begun", state: "running", at: expect.any(Number) }]);
});
