import { Metadata } from "@grpc/grpc-js";
import { pino } from "pino";
import { afterAll, describe, expect, it } from "vitest";
import { startTraces } from "../../traces/index.ts";
import { rawClient } from "../grpc/raw-functions.ts";
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

let last = 0;
const newTrace = () => (last++).toString(16).padStart(2, "0").repeat(16).replace(/^00/, "f0");
const CLIENT = "00f067aa0ba902b7";
const parentOf = (traceId: string, flags = "01") => `00-${traceId}-${CLIENT}-${flags}`;

function only(spans: readonly ReceivedSpan[], name: string): ReceivedSpan {
  const found = spans.filter((span) => span.name === name);
  expect(found, `spans ${name} of ${spans.map((span) => span.name)}`).toHaveLength(1);
  return found[0] as ReceivedSpan;
}

describe("the spans of a request", () => {
  it("hang together from the client by gateway, hold and start to the function and its calls", async () => {
    await world.push("other", `export default () => new Response("other");`);
    await world.push(
      "traced",
      `export default async (request, env) => {
        await env.STORE.get("a");
        await env.OTHER.fetch("http://other/other/x");
        return new Response(request.headers.get("traceparent"));
      };`,
      {
        bindings: [
          { name: "STORE", kv: "store" },
          { name: "OTHER", service: "other" },
        ],
      },
    );
    const traceId = newTrace();
    const answer = await world.call("/traced/path?secret=1", {
      headers: { traceparent: parentOf(traceId), "user-agent": "test" },
    });
    expect(answer.status).toBe(200);
    const spans = await collector.trace(traceId, [
      ...["GET /traced/*", "hold", "start", "start.load", "run traced", "kv.get STORE"],
      ...["service.fetch OTHER", "invoke other", "run other"],
    ]);

    const root = only(spans, "GET /traced/*");
    expect(root).toMatchObject({ parentId: CLIENT, kind: 2, service: "narun-gateway", error: undefined });
    expect(root.attributes).toMatchObject({
      "http.request.method": "GET",
      "http.route": "/traced/*",
      "http.response.status_code": 200,
      "url.path": "/traced/path",
      "user_agent.original": "test",
      "narun.function": "traced",
      "narun.request_id": answer.headers.get("x-request-id"),
    });
    expect(JSON.stringify(root.attributes)).not.toContain("secret");
    const run = only(spans, "run traced");
    expect(run).toMatchObject({ parentId: root.spanId, kind: 2, service: "traced" });
    // The function finds its own span.
    expect(answer.text).toBe(`00-${traceId}-${run.spanId}-01`);
    const hold = spans.find(({ name, parentId }) => name === "hold" && parentId === root.spanId);
    const start = spans.find(({ name, parentId }) => name === "start" && parentId === hold?.spanId);
    expect(start?.attributes).toEqual({ "narun.function": "traced" });
    const phases = spans.filter(({ parentId }) => parentId === start?.spanId).map(({ name }) => name);
    expect(phases).toEqual(["start.isolate", "start.load", "start.register"]);
    const get = only(spans, "kv.get STORE");
    expect(get).toMatchObject({ parentId: run.spanId, kind: 3, attributes: { "narun.binding": "STORE" } });
    const call = only(spans, "service.fetch OTHER");
    expect(call.attributes).toMatchObject({ "http.response.status_code": 200 });
    expect(call.parentId).toBe(run.spanId);
    const invoke = only(spans, "invoke other");
    expect(invoke.parentId).toBe(call.spanId);
    expect(only(spans, "run other")).toMatchObject({ parentId: invoke.spanId, service: "other" });
    for (const { startNs, endNs } of spans) expect(endNs).toBeGreaterThanOrEqual(startNs);
    const nearMs = Math.abs(Number(root.startNs / 1_000_000n) - Date.now());
    expect(nearMs).toBeLessThan(60_000);
  });

  it("are those of caller and callee alone where a call goes straight to its instance", async () => {
    await world.push("callee", `export default () => new Response("called");`, { scale: { min: 1 } });
    await world.push("calling", `export default (request, env) => env.CALLEE.fetch("/callee");`, {
      bindings: [{ name: "CALLEE", service: "callee" }],
    });
    // The first calls may go by the gateway.
    const spans = await eventually(
      async () => {
        const traceId = newTrace();
        await world.call("/calling", { headers: { traceparent: parentOf(traceId) } });
        const found = await collector.trace(traceId, [
          ...["GET /calling", "run calling", "service.fetch CALLEE", "run callee"],
        ]);
        expect(found.map(({ name }) => name)).not.toContain("invoke callee");
        return found;
      },
      { timeoutMs: 30_000 },
    );
    const call = only(spans, "service.fetch CALLEE");
    expect(call).toMatchObject({ parentId: only(spans, "run calling").spanId, kind: 3, service: "calling" });
    expect(call.attributes).toMatchObject({ "http.response.status_code": 200 });
    expect(only(spans, "run callee")).toMatchObject({ parentId: call.spanId, kind: 2, service: "callee" });
  });

  it("begin a trace where the client has none, and name what failed", async () => {
    await world.push("failing", `export default () => { throw new Error("no"); };`);
    const answer = await world.call("/failing");
    expect(answer.code).toBe("HANDLER_THREW");
    const root = await eventually(() => {
      const found = collector.spans.find(({ name }) => name === "GET /failing");
      if (found === undefined) throw new Error("no span yet");
      return found;
    });
    expect(root).toMatchObject({ parentId: "", error: "500" });
    const spans = await collector.trace(root.traceId, ["run failing"]);
    expect(only(spans, "run failing").error).toBe("HANDLER_THREW");
  });

  it("are made of a request that no route takes", async () => {
    const traceId = newTrace();
    const headers = { traceparent: parentOf(traceId) };
    expect(await world.call("/nowhere?secret=1", { headers })).toMatchObject({ status: 404 });
    const root = only(await collector.trace(traceId, ["GET"]), "GET");
    expect(root).toMatchObject({ parentId: CLIENT });
    expect(root.error ?? "").toBe("");
    expect(root.attributes).toMatchObject({ "url.path": "/nowhere", "http.response.status_code": 404 });
  });

  it("are made of a call of gRPC", async () => {
    const source = `export default () => new Response(null, { headers: {
      ...{ "content-type": "application/grpc", "grpc-status": "13", "grpc-message": "no" },
    } });`;
    await world.push("called", source, { grpc: ["pkg.Called"], routes: [] });
    using client = rawClient(world.gateway.grpcAddress ?? "");
    const traceId = newTrace();
    const metadata = new Metadata();
    metadata.add("traceparent", parentOf(traceId));
    await client.call("/pkg.Called/Any", ["x"], metadata);
    const spans = await collector.trace(traceId, ["pkg.Called/Any", "hold", "start", "run called"]);
    const root = only(spans, "pkg.Called/Any");
    expect(root).toMatchObject({ parentId: CLIENT, error: "Internal" });
    expect(root.attributes).toMatchObject({ "rpc.system": "grpc", "rpc.grpc.status_code": 13 });
    expect(only(spans, "run called").parentId).toBe(root.spanId);
  });

  it("are made of functions in Node, and of fetch in isolates", async () => {
    const source = `export default async (request, env) => {
      await env.STORE.get("a");
      await fetch("http://127.0.0.1:9/none?key=1").catch(() => undefined);
      return new Response("ok");
    };`;
    const config = { bindings: [{ name: "STORE", kv: "store" }], egress: ["127.0.0.1"] };
    await world.push("in-node", source, { ...config, mode: "node" });
    await world.push("fetches", source, config);
    for (const [name, calls] of [
      ["in-node", ["kv.get STORE", "fetch GET"]],
      ["fetches", ["kv.get STORE", "fetch GET"]],
    ] as const) {
      const traceId = newTrace();
      const answer = await world.call(`/${name}`, { headers: { traceparent: parentOf(traceId) } });
      expect(answer.status).toBe(200);
      const spans = await collector.trace(traceId, [`run ${name}`, ...calls]);
      const run = only(spans, `run ${name}`);
      for (const call of calls) expect(only(spans, call).parentId).toBe(run.spanId);
      const fetched = spans.find((span) => span.name === "fetch GET");
      if (fetched !== undefined) {
        expect(fetched.error).toBeDefined();
        expect(fetched.attributes["url.full"]).not.toContain("key");
      }
    }
  });

  it("are not made of a trace that its client does not record, and the function hears of it", async () => {
    await world.push("unrecorded", `export default (r) => new Response(r.headers.get("traceparent"));`);
    const traceId = newTrace();
    const { text } = await world.call("/unrecorded", { headers: { traceparent: parentOf(traceId, "00") } });
    expect(text).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
    // A later trace of the same way has arrived.
    const later = newTrace();
    await world.call("/unrecorded", { headers: { traceparent: parentOf(later) } });
    await collector.trace(later, ["GET /unrecorded", "run unrecorded"]);
    expect(collector.spans.filter((span) => span.traceId === traceId)).toEqual([]);
  });
});
