/** `serveGrpc`: a gRPC service in a process of the user's, and `grpc(…)` in the mode `node`. */
import {
  createFileRegistry,
  type DescService,
  fromBinary,
  fromJson,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Client, credentials } from "@grpc/grpc-js";
import { afterAll, expect, it } from "vitest";
import { serveGrpc } from "../../runtime/serve/index.ts";
import { greeter } from "../grpc/greeter.ts";
import { eventually } from "../harness/eventually.ts";
import { buildSource } from "../harness/function-source.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());
const { descriptors = new Uint8Array() } = await buildSource("greeter", greeter);
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
const service = registry.getService("hello.v1.Greeter") as DescService;
const [request, reply] = [service.method.sayHello?.input, service.method.sayHello?.output];

const write = (message: { name?: string; count?: number }) =>
  Buffer.from(request === undefined ? "" : toBinary(request, fromJson(request, message)));
const read = (bytes: Buffer) => (reply === undefined ? undefined : toJson(reply, fromBinary(reply, bytes)));

/** A unary call by the gRPC door. */
const sayHello = (client: Client, name: string) =>
  new Promise((resolve, reject) =>
    client.makeUnaryRequest("/hello.v1.Greeter/SayHello", write, read, { name }, (error, answer) =>
      error === null ? resolve(answer) : reject(error),
    ),
  );

async function listen(client: Client, count: number): Promise<unknown[]> {
  const call = client.makeServerStreamRequest("/hello.v1.Greeter/Listen", write, read, {
    name: "Ada",
    count,
  });
  return Array.fromAsync(call);
}

it("serves unary and streaming methods, without a deployment or a route", async () => {
  const handlers = {
    sayHello: (message: { name: string }) => ({ message: `Hello ${message.name}` }),
    async *listen(message: { name: string; count: number }) {
      for (let at = 0; at < message.count; at += 1) yield { message: message.name, number: BigInt(at) };
    },
  };
  await using _consumer = await serveGrpc(service, handlers as never, {
    ...{ service: "greets", nats: world.nats.url, signals: false },
  });
  using client = new ClosingClient(world.gateway.grpcAddress ?? "");
  await eventually(async () => expect(await sayHello(client, "Ada")).toEqual({ message: "Hello Ada" }));
  expect(await listen(client, 3)).toMatchObject([{ message: "Ada" }, { number: "1" }, { number: "2" }]);
});

it("is a function in Node as well", async () => {
  await world.push("greeter", greeter, { mode: "node" });
  using client = new ClosingClient(world.gateway.grpcAddress ?? "");
  expect(await sayHello(client, "Bob")).toMatchObject({ message: "Hello Bob" });
  expect(await listen(client, 2)).toHaveLength(2);
  await expect(sayHello(client, "nobody")).rejects.toMatchObject({ code: 5, details: "nobody is here: ü" });
});

class ClosingClient extends Client implements Disposable {
  constructor(address: string) {
    super(address.replace(/^https?:\/\//, ""), credentials.createInsecure());
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
