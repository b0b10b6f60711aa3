import { Agent } from "node:http";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { GATEWAY_SERVICE } from "../contracts/index.ts";
import { discoverServices } from "../nats/index.ts";
import { eventually } from "../test/harness/eventually.ts";
import { call } from "./testing/http-client.ts";
import type { PeerReply } from "./testing/peer-node.ts";
import { REVISION, specOf, startGatewayWorld } from "./testing/world.ts";

const problem = (text: string) => JSON.parse(text) as Record<string, unknown>;

describe("the gateway", () => {
  it("is found by its service, with its addresses", async () => {
    await using world = await startGatewayWorld({ gateway: { metrics: { host: "127.0.0.1", port: 0 } } });
    const found = await discoverServices(world.nats, { name: GATEWAY_SERVICE });
    expect(found).toMatchObject([
      { metadata: { "narun.http": world.gateway.httpUrl, "narun.metrics": world.gateway.metricsUrl } },
    ]);
  });

  it("names the address and its option where another listens there", async () => {
    await using world = await startGatewayWorld();
    const port = Number(new URL(world.url).port);
    const taken = { host: "127.0.0.1", port };
    await expect(world.startGateway({ http: taken })).rejects.toThrow(`127.0.0.1:${port} (--http)`);
    await expect(world.startGateway({ metrics: taken })).rejects.toMatchObject({ code: "ADDRESS_IN_USE" });
  });

  it("follows the specs: new, changed, invalid and deleted", async () => {
    await using world = await startGatewayWorld();
    const node = await world.startNode();
    await node.start("fn", { revision: REVISION });
    const statusOf = async (path: string) => (await call(world.url + path)).status;
    expect(await statusOf("/fn")).toBe(404);
    await world.putSpec(specOf("fn"));
    await eventually(async () => expect(await statusOf("/fn")).toBe(200));
    await world.putSpec(specOf("fn", { routes: [{ path: "/moved" }] }));
    await eventually(async () => expect(await statusOf("/moved")).toBe(200));
    expect(await statusOf("/fn")).toBe(404);
    await world.putRawSpec("fn", "name: fn\nmode: isolate\nrevison: x\n");
    await world.putSpec(specOf("later"));
    await node.start("later", { revision: REVISION });
    await eventually(async () => expect(await statusOf("/later")).toBe(200));
    expect(await statusOf("/moved")).toBe(200);
    await world.putRawSpec("later", "name: later\ntag: v1\ncommand: ./later\n");
    await eventually(async () => expect(await statusOf("/later")).toBe(404));
    await world.deleteSpec("fn");
    await eventually(async () => expect(await statusOf("/moved")).toBe(404));
  });

  it("asks to come again where a path has no route yet, while the first functions are pushed", async () => {
    const pushes = Promise.withResolvers<void>();
    await using world = await startGatewayWorld({
      specs: [specOf("there")],
      gateway: { firstPushes: pushes.promise },
    });
    const node = await world.startNode();
    await node.start("there", { revision: REVISION });
    expect(await call(`${world.url}/there`)).toMatchObject({ status: 200 });
    const early = await call(`${world.url}/later`);
    expect(problem(early.text)).toMatchObject({ status: 503, code: "FIRST_PUSHES" });
    expect(early.headers["retry-after"]).toBe("2");
    pushes.reject(new Error("the push failed"));
    await eventually(async () => expect((await call(`${world.url}/later`)).status).toBe(404));
  });

  it("serves static routes beside those of the functions, to a service by its method", async () => {
    await using world = await startGatewayWorld({
      specs: [specOf("fn")],
      gateway: {
        config: {
          routes: [
            { path: "/things", methods: ["GET"], service: "reader" },
            { path: "/things", methods: ["POST"], service: "writer" },
          ],
        },
      },
    });
    const node = await world.startNode();
    for (const name of ["fn", "reader", "writer"]) {
      await node.start(name, { revision: REVISION, handler: () => ({ data: name }) });
    }
    const answers = [
      await call(`${world.url}/things`),
      await call(`${world.url}/things`, { method: "POST" }),
      await call(`${world.url}/fn`),
      await call(`${world.url}/things`, { method: "DELETE" }),
    ];
    expect(answers.map(({ status, text }) => (status === 200 ? text : status))).toEqual([
      "reader",
      "writer",
      "fn",
      405,
    ]);
  });

  it("says once that it does not serve gRPC routes without an address for them", async () => {
    const lines: string[] = [];
    const log = pino({ level: "warn" }, { write: (line: string) => void lines.push(line) });
    const config = { routes: [{ grpc: "pkg.Svc", methods: [], service: "rpc" }] };
    await using _world = await startGatewayWorld({ gateway: { log, config, grpc: undefined } });
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ services: ["pkg.Svc"] }]);
  });

  it("counts by the route's pattern, and shows its figures and health", async () => {
    await using world = await startGatewayWorld({
      specs: [specOf("fn")],
      gateway: { metrics: { host: "127.0.0.1", port: 0 } },
    });
    const node = await world.startNode({
      onDemand(demand, peer) {
        void peer.start("fn", { revision: demand.revision, id: "started" });
        return { outcome: "starting", instance: "started" };
      },
    });
    await call(`${world.url}/fn/123`);
    await call(`${world.url}/fn/456`, { method: "POST" });
    await call(`${world.url}/secret-path`);
    expect(node.demands.length).toBe(1);
    const { text, headers } = await call(`${world.gateway.metricsUrl}/metrics`);
    expect(headers["content-type"]).toContain("text/plain");
    for (const line of [
      'http_gateway_requests_total{method="GET",path="/fn/*",status_code="200"} 1',
      'http_gateway_requests_total{method="POST",path="/fn/*",status_code="200"} 1',
      'http_gateway_requests_total{method="GET",path="unmatched",status_code="404"} 1',
      'http_gateway_request_duration_seconds_count{method="GET",path="/fn/*"} 1',
      'http_gateway_request_duration_seconds_bucket{le="0.005",method="POST",path="/fn/*"}',
      'gateway_nats_requests_total{subject="fn",status="success"} 2',
      'narun_gateway_hold_seconds_count{service="fn"} 1',
      'narun_gateway_cold_starts_total{service="fn"} 1',
      'narun_gateway_cold_start_seconds_count{phase="evaluate"} 1',
    ]) {
      expect(text).toContain(line);
    }
    expect(text).not.toContain("secret-path");
    expect((await call(`${world.gateway.metricsUrl}/healthz`)).status).toBe(200);
  });
});

describe("a gateway that drains", () => {
  it("refuses what comes, finishes what it has, and then lets go", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("slow"), specOf("asleep")] });
    const node = await world.startNode();
    const order: string[] = [];
    const release = Promise.withResolvers<PeerReply>();
    const slow = await node.start("slow", { revision: REVISION, handler: () => release.promise });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await call(`${world.url}/nowhere`, { agent });

    const inFlight = call(`${world.url}/slow`).then(({ status }) => order.push(`in flight ${status}`));
    const held = call(`${world.url}/asleep`).then(({ status }) => order.push(`held ${status}`));
    await eventually(() =>
      expect([slow.inFlight, world.gateway.counts().get("asleep")?.held]).toEqual([1, 1]),
    );
    const drained = world.gateway.drain({ graceMs: 20_000 }).then(() => order.push("drained"));

    const onOpen = await call(`${world.url}/slow`, { agent });
    expect(problem(onOpen.text)).toMatchObject({ status: 503, code: "GATEWAY_DRAINING" });
    expect(onOpen.headers.connection).toBe("close");
    await expect(call(`${world.url}/slow`)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await eventually(() =>
      expect(world.nats.request("narun.invoke.slow", "", { timeoutMs: 1_000 })).rejects.toMatchObject({
        reason: "no-responders",
      }),
    );

    release.resolve({ data: "late" });
    await inFlight;
    expect(order).toEqual(["in flight 200"]);
    await node.start("asleep", { revision: REVISION });
    await Promise.all([held, drained]);
    expect(order).toContain("held 200");
    expect(await discoverServices(world.nats, { name: GATEWAY_SERVICE })).toEqual([]);
  });

  it("goes on serving for a while before, and says that it leaves", async () => {
    await using world = await startGatewayWorld({
      specs: [specOf("fn")],
      gateway: { metrics: { host: "127.0.0.1", port: 0 } },
    });
    const node = await world.startNode();
    await node.start("fn", { revision: REVISION });
    const kept = new Agent({ keepAlive: true, maxSockets: 1 });
    const other = new Agent({ keepAlive: true, maxSockets: 1 });
    for (const agent of [kept, other]) {
      expect((await call(`${world.url}/fn`, { agent })).headers.connection).not.toBe("close");
    }
    const drained = world.gateway.drain({ graceMs: 20_000, lameDuckMs: 600_000 });
    expect((await call(`${world.gateway.metricsUrl}/healthz`)).status).toBe(503);
    for (const agent of [kept, undefined]) {
      const answer = await call(`${world.url}/fn`, { method: "POST", ...(agent && { agent }) });
      expect(answer).toMatchObject({ status: 200, text: "hello", headers: { connection: "close" } });
    }
    // The last open connection.
    other.destroy();
    await drained;
    await expect(call(world.url)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  it("serves no longer than it was told, whoever stays connected", async () => {
    await using world = await startGatewayWorld();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await call(`${world.url}/nowhere`, { agent });
    await world.gateway.drain({ graceMs: 20_000, lameDuckMs: 100 });
    await expect(call(world.url)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  it("does not wait for proxies where no connection is open", async () => {
    await using world = await startGatewayWorld();
    await world.gateway.drain({ graceMs: 20_000, lameDuckMs: 600_000 });
    await expect(call(world.url)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  it("answers what is left when its time is over", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("slow"), specOf("asleep")] });
    const node = await world.startNode();
    const slow = await node.start("slow", {
      revision: REVISION,
      handler: () => new Promise(() => undefined),
    });
    const pending = [call(`${world.url}/slow`), call(`${world.url}/asleep`)];
    await eventually(() =>
      expect([slow.inFlight, world.gateway.counts().get("asleep")?.held]).toEqual([1, 1]),
    );
    await world.gateway.drain({ graceMs: 50 });
    const codes = (await Promise.all(pending)).map(({ text }) => problem(text).code);
    expect(codes).toEqual(["DEADLINE_EXCEEDED", "GATEWAY_DRAINING"]);
  });

  it("is closed at once where it has nothing", async () => {
    await using world = await startGatewayWorld();
    await world.gateway.close();
    await expect(call(world.url)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });
});
