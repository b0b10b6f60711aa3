/** The trace of a request in a narun that exports no spans: it goes through as it came, and on to all that the function calls. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Metadata } from "@grpc/grpc-js";
import { afterAll, describe, expect, it } from "vitest";
import { BHTTP_CONTENT_TYPE, createHeaders, encodeBhttpRequest } from "../../contracts/index.ts";
import { rawClient } from "../grpc/raw-functions.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = `00-${TRACE}-00f067aa0ba902b7-01`;
const OWN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const traced = { traceparent: PARENT, tracestate: "vendor=1", baggage: "user=1" };

const NAMES = `["traceparent", "tracestate", "baggage"]`;
const FIELDS = `(headers) => ${NAMES}.map((name) => headers.get(name))`;
const ALL = [PARENT, "vendor=1", "user=1"];

/** A server that answers with the fields of the trace that it got. */
async function startUpstream() {
  const server = createServer((request, response) => {
    const { traceparent = null, tracestate = null, baggage = null } = request.headers;
    response.end(JSON.stringify([traceparent, tracestate, baggage]));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  afterAll(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const fetching = `export default async (request, env) => {
  const own = request.headers.get("x-own");
  const init = own === null ? undefined : { headers: { traceparent: own } };
  return new Response(await (await fetch(env.UPSTREAM, init)).text());
};`;

describe("the trace of a request", () => {
  it("is in the function's request, over a socket, over NATS and in binary HTTP", async () => {
    await world.push("fields", `const f = ${FIELDS}; export default (r) => Response.json(f(r.headers));`);
    expect(JSON.parse((await world.call("/fields", { headers: traced })).text)).toEqual(ALL);
    const overNats = await world.startGateway({ shortPath: "off" });
    const answer = await fetch(`${overNats.httpUrl}/fields`, { headers: traced });
    expect(await answer.json()).toEqual(ALL);
    const facts = { method: "GET", rawPath: "/fields", query: "", host: "h", scheme: "http" } as const;
    const encoded = encodeBhttpRequest({ ...facts, fields: Object.entries(traced).flat() }, new Uint8Array());
    if (!encoded.ok) throw new Error(encoded.code);
    const headers = createHeaders([["Content-Type", BHTTP_CONTENT_TYPE]]);
    const reply = await world.connection.request("fields", encoded.data, { headers, timeoutMs: 5_000 });
    expect(Buffer.from(reply.data).toString("latin1")).toContain(JSON.stringify(ALL));
    const none = await world.call("/fields");
    expect(JSON.parse(none.text)).toEqual([null, null, null]);
  });

  it("goes with a call of gRPC", async () => {
    const source = `export default ({ headers }) => new Response(null, { headers: {
      ...{ "content-type": "application/grpc", "grpc-status": "0" },
      "x-heard": headers.get("traceparent") ?? "none",
    } });`;
    await world.push("called", source, { grpc: ["pkg.Called"], routes: [] });
    using client = rawClient(world.gateway.grpcAddress ?? "");
    const metadata = new Metadata();
    metadata.add("traceparent", PARENT);
    const { initial, trailing } = await client.call("/pkg.Called/Any", ["x"], metadata);
    const echoed = JSON.stringify([initial?.getMap(), trailing?.getMap()]);
    expect(echoed).toContain(`"x-heard":"${PARENT}"`);
  });

  it("goes on with fetch, but for baggage, unless the function says otherwise", async () => {
    const UPSTREAM = await startUpstream();
    const config = { env: [{ name: "UPSTREAM", value: UPSTREAM }], egress: ["127.0.0.1"] };
    await world.push("fetching", fetching, config);
    const call = async (path: string, headers: Record<string, string>) =>
      JSON.parse((await world.call(path, { headers })).text);
    expect(await call("/fetching", traced)).toEqual([PARENT, "vendor=1", null]);
    expect(await call("/fetching", {})).toEqual([null, null, null]);
    expect(await call("/fetching", { ...traced, "x-own": OWN })).toEqual([OWN, null, null]);
    await world.push("silent", fetching, { ...config, traces: { fetch: false } });
    expect(await call("/silent", traced)).toEqual([null, null, null]);
  });

  it("goes on with calls of functions and with messages", async () => {
    await world.push("heard", `const f = ${FIELDS}; export default (r) => Response.json(f(r.headers));`);
    await world.push(
      "asks",
      `export default async (request, env) => {
        await env.EVENTS.publish("events.a", "x");
        await env.EVENTS.publish("events.a", "y", { traceparent: ${JSON.stringify(OWN)} });
        return env.HEARD.fetch("http://heard/heard");
      };`,
      {
        bindings: [
          { name: "HEARD", service: "heard" },
          { name: "EVENTS", publish: ["events.*"] },
        ],
      },
    );
    const messages: unknown[] = [];
    const subscription = world.connection.subscribe("events.a", ({ headers }) => {
      messages.push(headers?.get("traceparent")?.[0]);
    });
    await world.connection.flush();
    const answer = await world.call("/asks", { headers: traced });
    expect(JSON.parse(answer.text)).toEqual(ALL);
    await eventually(() => expect(messages).toEqual([PARENT, OWN]));
    subscription.unsubscribe();
  });

  it("stands in the lines of the log that the request caused, and in no others", async () => {
    await world.push(
      "logging",
      `console.log("start");
       export default (request, env, ctx) => {
         console.log("during");
         ctx.waitUntil(new Promise((resolve) => setTimeout(() => { console.log("after"); resolve(); }, 20)));
         return new Response("ok");
       };`,
    );
    await world.call("/logging", { headers: traced });
    await world.call("/logging");
    const lines = await eventually(async () => {
      const all = await world.logs("logging");
      expect(all.length).toBe(5);
      return all.map(({ message, trace_id }) => `${message} ${trace_id}`).sort();
    });
    expect(lines).toEqual(
      ["start undefined", `during ${TRACE}`, `after ${TRACE}`, "during undefined", "after undefined"].sort(),
    );
  });

  it("is known to @opentelemetry/api in a function", async () => {
    await world.push(
      "api",
      `import { context, isSpanContextValid, ROOT_CONTEXT, trace } from "@opentelemetry/api";
       export default (request) => {
         const [, traceId, spanId, flags] = request.headers.get("traceparent").split("-");
         const parent = trace.wrapSpanContext({ traceId, spanId, traceFlags: Number.parseInt(flags, 16) });
         const inParent = trace.setSpan(ROOT_CONTEXT, parent);
         const span = trace.getTracer("mine").startSpan("work", {}, inParent);
         const spanContext = span.spanContext();
         span.end();
         return Response.json({ ...spanContext, isValid: isSpanContextValid(spanContext) });
       };`,
    );
    const { text } = await world.call("/api", { headers: traced });
    expect(JSON.parse(text)).toMatchObject({ traceId: TRACE, traceFlags: 1, isValid: true });
  });

  it("goes on in the mode node", async () => {
    const UPSTREAM = await startUpstream();
    await world.push("in-node", fetching, {
      mode: "node",
      env: [{ name: "UPSTREAM", value: UPSTREAM }],
      egress: ["127.0.0.1"],
    });
    const call = async (headers: Record<string, string>) =>
      JSON.parse((await world.call("/in-node", { headers })).text);
    expect(await call(traced)).toEqual([PARENT, "vendor=1", null]);
    expect(await call({})).toEqual([null, null, null]);
    expect(await call({ ...traced, "x-own": OWN })).toEqual([OWN, null, null]);
  });
});
