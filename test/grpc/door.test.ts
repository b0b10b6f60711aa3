/** The gateway's door for gRPC: TLS, its end, its figures. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, credentials, Metadata, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeCertificate } from "../harness/configured-nats.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";
import { rawClient, rawSource } from "./raw-functions.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld({ gateway: { metrics: { host: "127.0.0.1", port: 0 } } });
  await world.push("raw", rawSource, { grpc: ["pkg.Raw"], routes: [] });
});
afterAll(() => world[Symbol.asyncDispose]());

/** A conversation whose first answer has come. */
async function beginChat(client: ReturnType<typeof rawClient>) {
  const chat = client.open("/pkg.Raw/Chat", new Metadata());
  const result = client.collect(chat);
  const say = async (word: string) => {
    const heard = new Promise((resolve) => chat.once("data", resolve));
    chat.write(word);
    expect(await heard).toBe(`you said ${word}`);
  };
  await say("one");
  return { chat, result, say };
}

describe("a gateway that drains", () => {
  it("finishes its calls, and takes no new connection", async () => {
    const gateway = await world.startGateway();
    using client = rawClient(gateway.grpcAddress ?? "");
    const { chat, result, say } = await beginChat(client);
    const drained = gateway.drain({ graceMs: 20_000 });
    await say("two");
    expect(await client.call("/pkg.Raw/Echo", ["x"], new Metadata())).toMatchObject({
      code: status.UNAVAILABLE,
    });
    await say("three");
    chat.end();
    expect(await result).toMatchObject({
      code: status.OK,
      messages: ["you said one", "you said two", "you said three"],
    });
    await drained;
  });

  it("ends the calls that outlast the grace with UNAVAILABLE", async () => {
    const gateway = await world.startGateway();
    using client = rawClient(gateway.grpcAddress ?? "");
    const { result } = await beginChat(client);
    await gateway.drain({ graceMs: 300 });
    expect(await result).toMatchObject({ code: status.UNAVAILABLE, messages: ["you said one"] });
  });

  it("sends clients to other gateways before: a connection is told, and its calls go on", async () => {
    const gateway = await world.startGateway();
    using client = rawClient(gateway.grpcAddress ?? "");
    const { chat, result, say } = await beginChat(client);
    const drained = gateway.drain({ graceMs: 20_000, lameDuckMs: 20_000 });
    // A new connection is still taken while the gateway only leaves.
    expect(await client.call("/pkg.Raw/Echo", ["x"], new Metadata())).toMatchObject({ code: status.OK });
    await say("two");
    chat.end();
    expect((await result).code).toBe(status.OK);
    client.client.close();
    await drained;
  });
});

describe("with a certificate", () => {
  it("the gateway serves gRPC by TLS, and nothing without", async () => {
    const folder = await mkdtemp(join(tmpdir(), "narun-grpc-tls-"));
    try {
      const made = await makeCertificate(folder);
      if (made === undefined) return;
      const [cert, key] = [await readFile(made.cert), await readFile(made.key)];
      const gateway = await world.startGateway({ grpcTls: { cert, key } });
      const port = gateway.grpcAddress?.split(":")[1];
      const client = new Client(`localhost:${port}`, credentials.createSsl(cert));
      const answer = new Promise((resolve, reject) =>
        client.makeUnaryRequest(
          "/pkg.Raw/Echo",
          (text: string) => Buffer.from(text),
          (bytes) => bytes.toString(),
          "by TLS",
          (error, text) => (error === null ? resolve(text) : reject(error)),
        ),
      );
      expect(await answer).toBe("by TLS");
      client.close();
      using plain = rawClient(gateway.grpcAddress ?? "");
      expect((await plain.call("/pkg.Raw/Echo", ["x"], new Metadata())).code).toBe(status.UNAVAILABLE);
      await gateway.close();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

it("counts calls by method and code; methods and services that nothing has share a label", async () => {
  using client = rawClient(world.gateway.grpcAddress ?? "");
  const call = (path: string, message: string) => client.call(path, [message], new Metadata());
  await call("/pkg.Raw/Echo", "x");
  await call("/pkg.Raw/Fail", "7 no");
  await call("/pkg.Raw/Chosen1", "x");
  await call("/pkg.Raw/Chosen2", "x");
  await call("/pkg.Chosen/Echo", "x");
  await eventually(async () => {
    const text = await (await fetch(`${world.gateway.metricsUrl}/metrics`)).text();
    for (const line of [
      'grpc_gateway_requests_total{grpc_method="/pkg.Raw/Echo",grpc_code="OK"} 1',
      'grpc_gateway_requests_total{grpc_method="/pkg.Raw/Fail",grpc_code="PermissionDenied"} 1',
      'grpc_gateway_requests_total{grpc_method="/pkg.Raw/unknown",grpc_code="Unimplemented"} 2',
      'grpc_gateway_requests_total{grpc_method="unmatched",grpc_code="Unimplemented"} 1',
      'grpc_gateway_request_duration_seconds_bucket{le="+Inf",grpc_method="/pkg.Raw/Echo"} 1',
    ])
      expect(text).toContain(line);
    expect(text).not.toContain("Chosen");
  });
});
