/** Two of three servers are gone: writes are refused by name, the rest goes on, and all heals without a restart. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pushBuild } from "../../control/index.ts";
import { openEvents } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { buildSource } from "../harness/function-source.ts";
import { type NatsCluster, startNatsCluster } from "../harness/nats-cluster.ts";
import { startWorld, type World } from "../harness/world.ts";

const WAIT = { timeoutMs: 40_000 };
const LONG_MS = 120_000;
const NO_MAJORITY = "NATS_NO_MAJORITY";

const KEEPER = `export default {
  async fetch(request, env) {
    if (request.method === "GET") return new Response("here");
    const failed = await env.BOX.put("key", await request.text()).catch((error) => error);
    return failed instanceof Error ? new Response(failed.message, { status: 503 }) : new Response("kept");
  },
};`;
const FLOW = `import { workflow } from "narun";
export default workflow(async (ctx, input) => ctx.step("one", () => input.n));`;

let cluster: NatsCluster;
let world: World;
beforeAll(async () => {
  cluster = await startNatsCluster();
  world = await eventually(
    () => startWorld({ natsUrl: cluster.url("n0"), nodeArguments: ["--replicas", "3"] }),
    WAIT,
  );
  await eventually(() => expect(world.connection.cluster.here).toBe(3), WAIT);
  const bindings = [{ name: "BOX", kv: "box" }];
  await world.push("keeper", KEEPER, { bindings, scale: { min: 1 } });
  await world.push("flow", FLOW, { workflow: true });
}, LONG_MS);
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

const put = (body: string) => world.call("/keeper", { method: "PUT", body });
const later = (body: string) =>
  world.call("/keeper", { method: "POST", body, headers: { prefer: "respond-async" } });
const start = (n: number) =>
  world.call(`/flow/n${n}`, {
    method: "POST",
    body: JSON.stringify({ n }),
    headers: { "content-type": "application/json", prefer: "wait=20" },
  });
const publish = async () => (await openEvents(world.connection)).publish({ subject: "facts.one", data: "1" });
const push = async (text: string) =>
  pushBuild(world.connection, await buildSource("pushed", `export default () => new Response("${text}");`));

/** Every kind of write, done right. */
async function writeAll(n: number): Promise<void> {
  expect(await put(`put ${n}`)).toMatchObject({ status: 200 });
  expect(await later(`later ${n}`)).toMatchObject({ status: 202 });
  expect(await start(n)).toMatchObject({ status: 200, text: String(n) });
  await publish();
  await push(`push ${n}`);
  expect(await world.call("/pushed")).toMatchObject({ text: `push ${n}` });
}

describe("a minority", () => {
  it("refuses writes by name, serves what needs none, and heals", { timeout: LONG_MS }, async () => {
    await eventually(() => writeAll(1), WAIT);
    const lost = cluster.names.slice(1);
    await Promise.all(lost.map((name) => cluster.kill(name)));
    await eventually(async () => {
      expect(world.connection.cluster.here).toBe(1);
      expect(await world.call("/keeper")).toMatchObject({ status: 200, text: "here" });
    }, WAIT);
    const refusals = await Promise.all([
      push("lost").catch((error) => error.code),
      publish().catch((error) => error.code),
      start(2).then(({ status, code }) => [status, code]),
      later("lost").then(({ status, code }) => [status, code]),
      put("lost").then(({ status, text }) => [status, text]),
    ]);
    expect(refusals).toEqual([
      NO_MAJORITY,
      NO_MAJORITY,
      [503, NO_MAJORITY],
      [503, NO_MAJORITY],
      [503, `the bucket box takes no writes: ${NO_MAJORITY}`],
    ]);
    expect(await world.call("/keeper")).toMatchObject({ status: 200, text: "here" });
    for (const name of lost) cluster.start(name);
    await eventually(() => writeAll(3), { timeoutMs: 60_000 });
  });
});
