/** One trace over the whole life of a workflow. */
import { pino } from "pino";
import { afterAll, expect, it } from "vitest";
import { resultOfWorkflow, startWorkflow } from "../../control/index.ts";
import { startTraces } from "../../traces/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type ReceivedSpan, startOtlpReceiver } from "../harness/otlp-receiver.ts";
import { startWorld } from "../harness/world.ts";

const closers = new AsyncDisposableStack();
afterAll(() => closers.disposeAsync());

const collector = closers.use(await startOtlpReceiver());
const traces = await startTraces(
  { url: collector.url, headers: {}, sampler: "parentbased_always_on", ratio: 1 },
  { attributes: {}, log: pino({ level: "silent" }) },
);
closers.defer(() => traces.close());
const world = closers.use(
  await startWorld({ gateway: { traces }, nodeArguments: ["--otlp", collector.url] }),
);

const source = `import { workflow } from "narun";
export default workflow(async (ctx, input, env) => {
  if (input === "child") return ctx.step("inner", () => "inner");
  if (input === "asks") {
    await ctx.step("first", () => 1);
    return ctx.step("ask", async () => (await env.TEST.request("test.ask", "", { timeoutMs: 30_000 })).text());
  }
  await ctx.step("charge", { retry: { delay: 10 } }, ({ attempt }) => {
    if (attempt < 2) throw new Error("no answer");
    return "paid";
  });
  await ctx.waitFor("approved");
  await ctx.sleep(20);
  return ctx.child("orders", "child", { id: "below" });
});`;
await world.push("orders", source, { workflow: true, bindings: [{ name: "TEST", publish: ["test.>"] }] });

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT = "00f067aa0ba902b7";
const post = (path: string, body: unknown, headers = {}) =>
  world.call(path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  });
const named = (spans: readonly ReceivedSpan[], name: string) => spans.filter((span) => span.name === name);
const isOf = (id: string) => (span: ReceivedSpan) => span.attributes["narun.workflow_id"] === id;

it("holds the start, every call of the executor, and the steps, waits, signals and children", async () => {
  await post("/orders/o1", "x", { traceparent: `00-${TRACE}-${CLIENT}-01` });
  await eventually(async () =>
    expect(JSON.parse((await world.call("/orders/o1")).text)).toMatchObject({ state: "waiting" }),
  );
  await post("/orders/o1/signals/approved", true);
  expect((await world.call("/orders/o1/result?wait=60")).text).toBe('"inner"');
  const spans = await eventually(async () => {
    const found = await collector.trace(TRACE, ["POST /orders/*", "workflow orders"]);
    expect(named(found, "workflow orders")).toHaveLength(2);
    return found;
  });

  // A span that is sent again has its former id.
  const own = [...new Map(spans.filter(isOf("o1")).map((span) => [span.spanId, span])).values()];
  const [root] = named(own, "workflow orders");
  if (root === undefined) throw new Error("no span of the workflow");
  const [gateway] = named(spans, "POST /orders/*");
  const starting = named(spans, "run orders").find(({ parentId }) => parentId === gateway?.spanId);
  expect(gateway?.parentId).toBe(CLIENT);
  expect(root).toMatchObject({ parentId: starting?.spanId, service: "orders", error: undefined });
  expect(root.attributes).toMatchObject({ "narun.function": "orders", "narun.workflow_state": "done" });
  const below = own.filter(({ spanId }) => spanId !== root.spanId);
  expect(below.every(({ parentId }) => parentId === root.spanId)).toBe(true);
  expect(below.map(({ name }) => name).sort()).toEqual(
    ["step charge", "signal approved", "wait approved", "sleep", "child orders"].sort(),
  );
  expect(named(below, "step charge")[0]?.attributes["narun.attempts"]).toBe(2);
  const calls = named(spans, "trigger workflow orders").filter(({ parentId }) => parentId === root.spanId);
  expect(calls.length).toBeGreaterThan(1);

  const child = named(spans.filter(isOf("below")), "workflow orders")[0];
  const callers = named(spans, "run orders").filter(({ parentId }) =>
    calls.some((one) => one.spanId === parentId),
  );
  expect(callers.map(({ spanId }) => spanId)).toContain(child?.parentId);
  expect(named(spans.filter(isOf("below")), "step inner")[0]?.parentId).toBe(child?.spanId);
}, 120_000);

it("is begun where the start has none, and has the steps of a runner that was killed", async () => {
  const [node] = world.nodes;
  let asked = 0;
  world.connection.subscribe("test.ask", (message) => {
    asked += 1;
    if (asked > 1) message.respond("answered");
  });
  const name = { workflow: "orders", id: "o2" };
  await startWorkflow(world.connection, name, "asks");
  await eventually(() => expect(asked).toBe(1));
  await node?.kill9();
  await world.startNode("node-again");
  const record = await resultOfWorkflow(world.connection, name, 60_000);
  expect(record).toMatchObject({ state: "done", value: "answered" });
  const own = await eventually(() => {
    const found = collector.spans.filter(isOf("o2"));
    expect(found.map((span) => span.name).sort()).toEqual(["step ask", "step first", "workflow orders"]);
    return found;
  });
  const root = named(own, "workflow orders")[0];
  expect(root?.parentId).toBe("");
  expect(new Set(own.map(({ traceId }) => traceId)).size).toBe(1);
}, 120_000);
