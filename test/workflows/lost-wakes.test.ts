/** Workflows whose due message was acknowledged and not handled, as happens in a cluster whose servers change. */
import { afterAll, expect, it } from "vitest";
import { listWorkflows, resultOfWorkflow } from "../../control/index.ts";
import { DueMessages, Journals } from "../../nats/index.ts";
import { wakeLost } from "../../workflows/lost-wakes.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld({ nodes: 1 });
afterAll(() => world[Symbol.asyncDispose]());
const { connection: nats } = world;
const journals = new Journals(nats);

const source = `import { workflow } from "narun";
export default workflow(async (ctx) => {
  const first = await ctx.step("first", () => "first");
  return [first, await ctx.waitFor("go"), await ctx.step("last", () => "last")];
});`;
const WAIT = { timeoutMs: 30_000 };

/** Takes due messages and drops them. */
async function dropDue(count: number): Promise<void> {
  let dropped = 0;
  const due = new DueMessages({
    nats,
    most: 8,
    take(message) {
      message.ack();
      dropped += 1;
    },
  });
  await eventually(() => expect(dropped).toBe(count), WAIT);
  await nats.flush();
  due.close();
}

it("are woken again by a look at their journals, once", async () => {
  await world.push("lost", source, { workflow: true });
  await world.call("/lost/waits", { method: "POST" });
  await eventually(
    async () => expect(await Array.fromAsync(listWorkflows(nats, {}))).toMatchObject([{ state: "waiting" }]),
    WAIT,
  );
  await Promise.all(world.nodes.map((node) => node.drain()));
  await journals.send({ workflow: "lost", id: "waits" }, { t: "signal", id: "s", name: "go", payload: 1 });
  await journals.send({ workflow: "lost", id: "never-begun" }, { t: "start" }, true);
  await dropDue(2);
  await world.startNode("node-later");
  const warnings: object[] = [];
  const log = { warn: (fields: object) => void warnings.push(fields) };
  // A wake that is late is not lost. A node may take long to start on a busy machine.
  await wakeLost({ nats, journals, log, lateMs: 600_000 });
  expect(warnings).toEqual([]);
  await wakeLost({ nats, journals, log, lateMs: 0 });
  expect(warnings).toHaveLength(2);
  const record = await resultOfWorkflow(nats, { workflow: "lost", id: "waits" }, 30_000);
  expect(record).toMatchObject({ state: "done", value: ["first", 1, "last"] });
  await eventually(
    async () =>
      expect(await Array.fromAsync(listWorkflows(nats, {}))).toMatchObject(
        expect.arrayContaining([expect.objectContaining({ id: "never-begun", state: "waiting" })]),
      ),
    WAIT,
  );
  await wakeLost({ nats, journals, log, lateMs: 600_000 });
  expect(warnings).toHaveLength(2);
}, 150_000);
