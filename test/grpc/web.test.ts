/** Functions that implement services, called by Connect's own clients and by plain HTTP, through a whole narun. */
import { createFileRegistry, type DescService, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { type CallOptions, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { compressionGzip, createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildSource } from "../harness/function-source.ts";
import { startWorld, type World } from "../harness/world.ts";
import { greeter } from "./greeter.ts";

/** The clients' methods: the descriptors are read at run time, and have no types. */
interface Greeter {
  sayHello(request: object, options?: CallOptions): Promise<Record<string, unknown>>;
  listen(request: object, options?: CallOptions): AsyncIterable<Record<string, unknown>>;
  collect(requests: AsyncIterable<object>, options?: CallOptions): Promise<Record<string, unknown>>;
  missing(request: object): Promise<Record<string, unknown>>;
}

let world: World;
let service: DescService;
beforeAll(async () => {
  world = await startWorld();
  await world.push("greeter", greeter);
  const { descriptors = new Uint8Array() } = await buildSource("greeter", greeter);
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
  service = registry.getService("hello.v1.Greeter") as DescService;
}, 120_000);
afterAll(async () => world[Symbol.asyncDispose](), 120_000);

const transports: Record<string, () => Transport> = {
  "Connect, JSON": () => createConnectTransport({ baseUrl: world.url(""), httpVersion: "1.1" }),
  "Connect, binary": () =>
    createConnectTransport({ baseUrl: world.url(""), httpVersion: "1.1", useBinaryFormat: true }),
  "Connect, GET": () =>
    createConnectTransport({ baseUrl: world.url(""), httpVersion: "1.1", useHttpGet: true }),
  "Connect, compressed": () =>
    createConnectTransport({
      baseUrl: world.url(""),
      httpVersion: "1.1",
      useBinaryFormat: true,
      sendCompression: compressionGzip,
      compressMinBytes: 1,
    }),
  "Connect, under the function's name": () =>
    createConnectTransport({ baseUrl: world.url("/greeter"), httpVersion: "1.1" }),
  "gRPC-Web": () => createGrpcWebTransport({ baseUrl: world.url(""), httpVersion: "1.1" }),
  "gRPC-Web, compressed": () =>
    createGrpcWebTransport({
      baseUrl: world.url(""),
      httpVersion: "1.1",
      sendCompression: compressionGzip,
      compressMinBytes: 1,
    }),
};

describe.each(Object.keys(transports))("%s", (name) => {
  const client = () => createClient(service, (transports[name] as () => Transport)()) as unknown as Greeter;

  it("answers a message with metadata both ways", async () => {
    let [header, trailer] = [new Headers(), new Headers()];
    const reply = await client().sayHello(
      { name: "Ada" },
      {
        headers: { "x-in": "early" },
        onHeader: (fields) => {
          header = fields;
        },
        onTrailer: (fields) => {
          trailer = fields;
        },
      },
    );
    expect(reply).toMatchObject({ message: "Hello Ada", number: 9007199254740993n });
    expect(header.get("x-early")).toBe("early");
    expect(trailer.get("x-late-bin")).toBe("AP8");
  });

  it("answers by a stream, and ends it by an error", async () => {
    const replies = await Array.fromAsync(client().listen({ name: "a".repeat(2_000), count: 3 }));
    expect(replies.map(({ number }) => number)).toEqual([0n, 1n, 2n]);
    const failing = client().listen({ name: "fail", count: 1 })[Symbol.asyncIterator]();
    expect(await failing.next()).toMatchObject({ value: { message: "fail" } });
    await expect(failing.next()).rejects.toMatchObject({ code: Code.Aborted, rawMessage: "half way" });
  });

  it("takes a stream", async () => {
    async function* names() {
      yield { name: "a" };
      yield { name: "b" };
    }
    expect(await client().collect(names())).toMatchObject({ message: "a b", number: 2n });
  });

  it("tells an error with its details and metadata, and nothing of the function's inside", async () => {
    const error = ConnectError.from(
      await client()
        .sayHello({ name: "nobody" })
        .catch((thrown: unknown) => thrown),
    );
    expect(error).toMatchObject({ code: Code.NotFound, rawMessage: "nobody is here: ü" });
    expect(error.details).toMatchObject([{ type: "hello.v1.HelloRequest" }]);
    expect(error.metadata.get("x-hint")).toBe("later");
    const inner = ConnectError.from(
      await client()
        .sayHello({ name: "secret" })
        .catch((thrown: unknown) => thrown),
    );
    expect(inner).toMatchObject({ code: Code.Internal, rawMessage: "the function failed" });
    const missing = ConnectError.from(
      await client()
        .missing({})
        .catch((thrown: unknown) => thrown),
    );
    expect(missing.code).toBe(Code.Unimplemented);
  });

  it("ends a call at the caller's deadline", async () => {
    const call = client().sayHello({ name: "slow" }, { timeoutMs: 200 });
    expect(ConnectError.from(await call.catch((thrown: unknown) => thrown)).code).toBe(Code.DeadlineExceeded);
  });
});

describe("Connect by hand", () => {
  const post = (type: string, body: string | Uint8Array<ArrayBuffer>, method = "SayHello") =>
    world.fetch(`/hello.v1.Greeter/${method}`, { method: "POST", body, headers: { "content-type": type } });

  it.each([
    ["{", 400, "invalid_argument"],
    ['{"name": 4}', 400, "invalid_argument"],
    ["[]", 400, "invalid_argument"],
  ])("refuses %s", async (body, status, code) => {
    const response = await post("application/json", body);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({
      code,
      message: expect.stringContaining("hello.v1.HelloRequest"),
    });
  });

  it("refuses bytes that are no message", async () => {
    const response = await post("application/proto", new Uint8Array([10, 200, 1]));
    expect({ status: response.status, body: await response.json() }).toMatchObject({
      status: 400,
      body: { code: "invalid_argument" },
    });
  });

  it("answers 415 for another content type, and 405 for another method", async () => {
    const other = await post("text/plain", "x");
    expect(other.status).toBe(200);
    expect(await other.text()).toBe("a page");
    expect((await post("application/json", "{}", "Listen")).status).toBe(415);
  });

  it("ignores unknown fields of JSON", async () => {
    const response = await post("application/json", '{"name":"Ada","later":1}');
    expect(await response.json()).toMatchObject({ message: "Hello Ada" });
  });

  it("reads gRPC-Web in base64", async () => {
    const body = Buffer.from([0, 0, 0, 0, 5, 10, 3, 65, 100, 97]).toString("base64");
    const response = await post("application/grpc-web-text", body);
    expect(response.headers.get("content-type")).toBe("application/grpc-web-text");
    const bytes = Buffer.from(await response.text(), "base64").toString("latin1");
    expect(bytes).toContain("Hello Ada");
    expect(bytes).toContain("grpc-status: 0\r\n");
  });
});

describe("paths of google.api.http", () => {
  it("take fields from the path and the query", async () => {
    const response = await world.fetch("/v1/hello/Ada%20L%C3%B6velace?count=3&at=2026-01-02T03:04:05Z");
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ message: "Hello Ada Lövelace", number: "9007199254740993" });
  });

  it("take the message as JSON", async () => {
    const body = JSON.stringify({ name: "Ada" });
    const response = await world.fetch("/v1/hello", { method: "POST", body });
    expect(await response.json()).toMatchObject({ message: "Hello Ada" });
  });

  it("answer a stream line by line, an error as the last line", async () => {
    const lines = (await (await world.fetch("/v1/hello/fail:listen?count=2")).text()).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { message: "fail" },
      { message: "fail", number: "1" },
      { error: { code: 10, message: "half way" } },
    ]);
  });

  it.each([
    [
      "/v1/hello/nobody",
      404,
      { code: 5, details: [{ "@type": "type.googleapis.com/hello.v1.HelloRequest", name: "detail" }] },
    ],
    ["/v1/hello/Ada?nothing=1", 400, { code: 3, message: expect.stringContaining('no field "nothing"') }],
    ["/v1/hello/Ada?count=many", 400, { code: 3 }],
    ["/v1/hello/%ff", 400, { code: 3 }],
  ])("answer %s by status %i", async (path, status, body) => {
    const response = await world.fetch(path);
    expect({ status: response.status, body: await response.json() }).toMatchObject({ status, body });
  });

  it("leave other paths to the function", async () => {
    expect(await (await world.fetch("/greeter/page")).text()).toBe("a page");
  });
});
