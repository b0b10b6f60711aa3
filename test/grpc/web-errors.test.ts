/** The gateway's own errors, as clients of gRPC-Web and Connect get them. */
import { createFileRegistry, type DescService, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { type CallOptions, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type GatewayWorld, specOf, startGatewayWorld } from "../../gateway/testing/world.ts";
import { buildSource } from "../harness/function-source.ts";
import { greeter } from "./greeter.ts";

interface Greeter {
  sayHello(request: object, options?: CallOptions): Promise<unknown>;
  listen(request: object, options?: CallOptions): AsyncIterable<unknown>;
}

let world: GatewayWorld;
let service: DescService;
beforeAll(async () => {
  const { descriptors = new Uint8Array() } = await buildSource("greeter", greeter);
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
  service = registry.getService("hello.v1.Greeter") as DescService;
  // No node is there to start it.
  const routes = [{ path: "/hello.v1.Greeter/*" }];
  world = await startGatewayWorld({
    specs: [specOf("asleep", { routes, limits: { maxBodyBytes: 10_000 } })],
    gateway: { hold: { holdMs: 300 }, metrics: { host: "127.0.0.1", port: 0 } },
  });
});
afterAll(() => world[Symbol.asyncDispose]());

const transports: Record<string, (baseUrl: string) => Transport> = {
  "Connect, JSON": (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" }),
  "Connect, binary": (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: true }),
  "Connect, GET": (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1", useHttpGet: true }),
  "gRPC-Web": (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
};
const errorOf = async (call: Promise<unknown>) =>
  ConnectError.from(
    await call.then(
      () => undefined,
      (thrown: unknown) => thrown,
    ),
  );

describe.each(Object.keys(transports))("%s", (name) => {
  const client = (below = "") =>
    createClient(
      service,
      (transports[name] as (baseUrl: string) => Transport)(world.gateway.httpUrl + below),
    ) as unknown as Greeter;

  it("tells that no instance came, in a call and in a stream", async () => {
    const stream = async () => Array.fromAsync(client().listen({ name: "a" }));
    for (const call of [client().sayHello({ name: "Ada" }), stream()]) {
      const error = await errorOf(call);
      expect(error.code).toBe(Code.Unavailable);
      expect(error.rawMessage).toMatch(/\(NO_CONSUMER\)$/);
      expect(error.metadata.get("retry-after")).toBe("2");
      const types = error.details.map((detail) => ("type" in detail ? detail.type : ""));
      expect(types).toEqual(["google.rpc.ErrorInfo", "google.rpc.RetryInfo"]);
    }
  });

  it("tells that no route takes the service, and that a message is too large", async () => {
    const unrouted = await errorOf(client("/elsewhere").sayHello({ name: "Ada" }));
    expect(unrouted.code).toBe(Code.Unimplemented);
    expect(unrouted.rawMessage).toMatch(/no route takes .*\(NO_ROUTE\)$/);
    if (name === "Connect, GET") return;
    const large = await errorOf(client().sayHello({ name: "a".repeat(20_000) }));
    expect([large.code, large.rawMessage]).toEqual([
      Code.ResourceExhausted,
      expect.stringContaining("limits.maxBodyBytes"),
    ]);
  });
});

describe("by hand", () => {
  const post = (headers: Record<string, string>, body = "{}") =>
    fetch(`${world.gateway.httpUrl}/hello.v1.Greeter/SayHello`, { method: "POST", body, headers });

  it("is JSON with the status of the code where the client names Connect, and a problem else", async () => {
    const named = await post({ "content-type": "application/json", "connect-protocol-version": "1" });
    expect([named.status, named.headers.get("content-type")]).toEqual([503, "application/json"]);
    expect(await named.json()).toMatchObject({ code: "unavailable" });
    const unnamed = await post({ "content-type": "application/json" });
    expect([unnamed.status, unnamed.headers.get("content-type")]).toEqual([503, "application/problem+json"]);
    expect(await unnamed.json()).toMatchObject({ code: "NO_CONSUMER" });
  });

  it("is a frame of trailers in gRPC-Web, in base64 where the call is, and counts with its status", async () => {
    const text = await post({ "content-type": "application/grpc-web-text" }, "AAAAAAA=");
    expect([text.status, text.headers.get("content-type")]).toEqual([200, "application/grpc-web-text"]);
    const frame = Buffer.from(await text.text(), "base64");
    expect([frame[0], frame.readUInt32BE(1)]).toEqual([0x80, frame.byteLength - 5]);
    const lines = frame.subarray(5).toString("latin1");
    expect(lines).toMatch(
      /^grpc-status: 14\r\ngrpc-message: .*%?.*\r\ngrpc-status-details-bin: [\w+/]+\r\n$/,
    );
    const metrics = await (await fetch(`${world.gateway.metricsUrl}/metrics`)).text();
    expect(metrics).toMatch(/status_code="503"/);
    expect(metrics).not.toMatch(/path="\/hello[^\n]*status_code="200"/);
  });
});
