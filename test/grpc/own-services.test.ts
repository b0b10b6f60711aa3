/** The services that the gateway implements itself: health and reflection. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Metadata, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";
import { greeter } from "./greeter.ts";
import { rawClient, rawSource } from "./raw-functions.ts";

const GRPCURL = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "narun/peers/grpcurl-v1.9.4");

let world: World;
let client: ReturnType<typeof rawClient>;
beforeAll(async () => {
  world = await startWorld();
  await world.push("raw", rawSource, { grpc: ["pkg.Raw"], routes: [] });
  await world.push("greeter", greeter);
  client = rawClient(world.gateway.grpcAddress ?? "");
});
afterAll(async () => {
  client[Symbol.dispose]();
  await world[Symbol.asyncDispose]();
});

/** A message of one text in the field 1. */
const asking = (service: string) =>
  service === "" ? "" : `\n${String.fromCharCode(service.length)}${service}`;
const SERVING = "\b\u0001";
const NOT_SERVING = "\b\u0002";
const SERVICE_UNKNOWN = "\b\u0003";

describe("grpc.health.v1.Health", () => {
  const check = (service: string) =>
    client.call("/grpc.health.v1.Health/Check", [asking(service)], new Metadata());

  it.each(["", "pkg.Raw", "grpc.health.v1.Health"])("says that %j serves", async (service) => {
    expect(await check(service)).toMatchObject({ code: status.OK, messages: [SERVING] });
  });

  it("says NOT_FOUND of a service that nothing implements", async () => {
    expect(await check("pkg.Other")).toMatchObject({ code: status.NOT_FOUND, messages: [] });
  });

  it("tells a watcher of each change, and that its gateway leaves", async () => {
    const gateway = await world.startGateway();
    using watcher = rawClient(gateway.grpcAddress ?? "");
    const watched = watcher.open("/grpc.health.v1.Health/Watch", new Metadata());
    const ended = watcher.collect(watched);
    const states: string[] = [];
    watched.on("data", (state: string) => states.push(state));
    watched.write(asking("pkg.Late"));
    await eventually(() => expect(states).toEqual([SERVICE_UNKNOWN]));
    await world.push("late", rawSource, { grpc: ["pkg.Late"], routes: [] });
    // A gateway that has just started does not know its nodes yet.
    await eventually(() => expect(states.at(-1)).toBe(SERVING));
    const drained = gateway.drain({ graceMs: 10_000, lameDuckMs: 5_000 });
    await eventually(() => expect(states.at(-1)).toBe(NOT_SERVING));
    watched.cancel();
    await ended;
    await drained;
  });
});

describe.skipIf(!existsSync(GRPCURL))("grpcurl", () => {
  const grpcurl = async (...args: string[]) => {
    const run = promisify(execFile);
    const { stdout } = await run(GRPCURL, ["-plaintext", ...args]);
    return stdout;
  };
  const address = () => world.gateway.grpcAddress ?? "";

  it("lists all services", async () => {
    const listed = (await grpcurl(address(), "list")).trim().split("\n");
    expect(listed).toEqual(expect.arrayContaining(["grpc.health.v1.Health", "pkg.Raw"]));
  });

  it("describes and calls a service by its descriptors alone", async () => {
    expect(await grpcurl(address(), "describe", "grpc.health.v1.HealthCheckRequest")).toContain(
      "string service = 1;",
    );
    const called = await grpcurl("-d", '{"service":"pkg.Raw"}', address(), "grpc.health.v1.Health/Check");
    expect(JSON.parse(called)).toEqual({ status: "SERVING" });
  });

  it("describes and calls a function that is built from a .proto file", async () => {
    expect(await grpcurl(address(), "describe", "hello.v1.Greeter")).toContain("rpc SayHello");
    const called = await grpcurl("-d", '{"name":"Ada"}', address(), "hello.v1.Greeter/SayHello");
    expect(JSON.parse(called).message).toContain("Ada");
    const streamed = await grpcurl("-d", '{"name":"Ada","count":3}', address(), "hello.v1.Greeter/Listen");
    expect(streamed.match(/"message"/g)).toHaveLength(3);
  });

  it("says that a service has no descriptors", async () => {
    await expect(grpcurl(address(), "describe", "pkg.Raw")).rejects.toThrow(
      /no descriptor of pkg\.Raw|not found/i,
    );
  });
});

const BUF = fileURLToPath(new URL("../../node_modules/.bin/buf", import.meta.url));

it.skipIf(!existsSync(BUF))("buf curl calls a function by reflection", async () => {
  const { stdout } = await promisify(execFile)(BUF, [
    ...["curl", "--http2-prior-knowledge", "--protocol", "grpc", "-d", '{"name":"Ada"}'],
    `http://${world.gateway.grpcAddress}/hello.v1.Greeter/SayHello`,
  ]);
  expect(JSON.parse(stdout).message).toContain("Ada");
});
