/** Functions that implement services, called over HTTP through a whole narun. */
import {
  create,
  createFileRegistry,
  type DescMethod,
  type DescService,
  fromBinary,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildSource } from "../harness/function-source.ts";
import { startWorld, type World } from "../harness/world.ts";
import { greeter } from "./greeter.ts";

let world: World;
let service: DescService;
let sayHello: DescMethod;
beforeAll(async () => {
  world = await startWorld();
  await world.push("greeter", greeter);
  const { descriptors = new Uint8Array() } = await buildSource("greeter", greeter);
  service = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors)).getService(
    "hello.v1.Greeter",
  ) as DescService;
  sayHello = service.method.sayHello as DescMethod;
});
afterAll(async () => world[Symbol.asyncDispose](), 120_000);

const call = (method: string, init: RequestInit) =>
  world.fetch(`/hello.v1.Greeter/${method}`, { method: "POST", ...init });
const json = (method: string, body: object, headers: Record<string, string> = {}) =>
  call(method, { body: JSON.stringify(body), headers: { "content-type": "application/json", ...headers } });
const requestBytes = (name: string) => toBinary(sayHello.input, create(sayHello.input, { name }));
const framed = (message: Uint8Array, flags = 0) => {
  const bytes = Buffer.alloc(5 + message.byteLength);
  bytes[0] = flags;
  bytes.writeUInt32BE(message.byteLength, 1);
  bytes.set(message, 5);
  return bytes;
};

describe("the build", () => {
  it("names the services, and has the paths of their methods and annotations", async () => {
    const { config, manifest } = await buildSource("greeter", greeter);
    expect(config.grpc).toEqual(["hello.v1.Greeter"]);
    expect(config.routes.map(({ path }) => path)).toEqual([
      ...["/greeter", "/greeter/*", "/hello.v1.Greeter/*", "/v1/hello", "/v1/hello/*"],
    ]);
    expect(manifest.descriptors?.size).toBeGreaterThan(0);
  });
});

describe("Connect", () => {
  it("takes and gives JSON", async () => {
    const response = await json("SayHello", { name: "Ada" }, { "x-in": "early" });
    expect(response.status).toBe(200);
    expect(response.headers.get("x-early")).toBe("early");
    expect(response.headers.get("trailer-x-late-bin")).toBe("AP8");
    expect(await response.json()).toEqual({ message: "Hello Ada", number: "9007199254740993" });
  });
});

describe("gRPC in a request of HTTP", () => {
  it("is answered by one frame, the trailers in the head", async () => {
    const response = await call("SayHello", {
      body: framed(requestBytes("Ada")),
      headers: { "content-type": "application/grpc" },
    });
    expect(response.headers.get("content-type")).toBe("application/grpc");
    expect(response.headers.get("grpc-status")).toBe("0");
    expect(response.headers.get("trailer-x-late-bin")).toBe("AP8");
    const bytes = new Uint8Array(await response.arrayBuffer());
    expect(fromBinary(sayHello.output, bytes.subarray(5))).toMatchObject({
      message: "Hello Ada",
    });
  });
});
