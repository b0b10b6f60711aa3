import { gzipSync } from "node:zlib";
import {
  create,
  createFileRegistry,
  type DescService,
  fromBinary,
  type Message,
  toBinary,
} from "@bufbuild/protobuf";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { compileProto } from "../../../builder/proto/compile.ts";
import { createSourceFolder } from "../../../builder/testing/source-folder.ts";
import { createRandom } from "../../../test/soak/random.ts";
import type { Context } from "../context.ts";
import { type GrpcFunction, grpc } from "./grpc.ts";
import { GrpcError } from "./grpc-error.ts";

const PROTO = `syntax = "proto3"; package t;
message M { string text = 1; int64 number = 2; repeated M inner = 3; }
service S {
  rpc Unary(M) returns (M);
  rpc Collect(stream M) returns (M);
  rpc Echo(stream M) returns (stream M);
}`;

type Fields = { text: string; number: bigint; inner: Fields[] } & Message;

let service: DescService;
let fn: GrpcFunction;
beforeAll(async () => {
  await using folder = await createSourceFolder({ "a.proto": PROTO });
  const { set } = await compileProto(folder.path("a.proto"), { root: folder.dir });
  service = createFileRegistry(set).getService("t.S") as DescService;
  fn = grpc(
    service,
    {
      unary: (message: Message) => message,
      async collect(messages: AsyncIterable<Message>) {
        let text = "";
        for await (const message of messages) text += (message as Fields).text;
        return { text };
      },
      async *echo(messages: AsyncIterable<Message>) {
        yield* messages;
      },
    },
    { maxMessageBytes: 100_000 },
  );
});

const contextOf = (): Context => ({
  requestId: "r",
  deadline: Date.now() + 60_000,
  signal: new AbortController().signal,
  trailers: new Headers(),
  waitUntil: () => undefined,
});

const input = () => (service.method.unary as DescService["methods"][number]).input;
const bytesOf = (fields: Record<string, unknown>) => toBinary(input(), create(input(), fields));

function frame(bytes: Uint8Array, { flags = 0, length = bytes.byteLength } = {}): Buffer {
  const framed = Buffer.alloc(5 + bytes.byteLength);
  framed[0] = flags;
  framed.writeUInt32BE(length, 1);
  framed.set(bytes, 5);
  return framed;
}

async function call(method: string, body: Uint8Array | ReadableStream, headers: Record<string, string> = {}) {
  const context = contextOf();
  const request = new Request(`http://x/t.S/${method}`, {
    method: "POST",
    body: body as Uint8Array<ArrayBuffer>,
    headers: { "content-type": "application/grpc", ...headers },
    duplex: "half",
  });
  const response = await fn.fetch(request, {}, context);
  const bytes = Buffer.from(await response.arrayBuffer());
  const status = response.headers.get("grpc-status") ?? context.trailers.get("grpc-status");
  return {
    response,
    bytes,
    status,
    message: response.headers.get("grpc-message") ?? context.trailers.get("grpc-message"),
  };
}

/** A body whose pieces come one by one. */
function inPieces(bytes: Buffer, sizes: () => number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      const end = Math.min(bytes.length, at + sizes());
      if (at < end) controller.enqueue(bytes.subarray(at, end));
      at = end;
      if (at >= bytes.length) controller.close();
    },
  });
}

describe("a request with one message", () => {
  it.each([
    ["no body", Buffer.alloc(0), {}, "13", /has no message/],
    ["half a head", Buffer.from([0, 0]), {}, "3", /not one message/],
    ["a length beyond the body", frame(Buffer.from([1]), { length: 9 }), {}, "3", /not one message/],
    ["a length short of the body", frame(Buffer.alloc(9), { length: 1 }), {}, "3", /not one message/],
    ["the largest length", frame(Buffer.alloc(1), { length: 0xffffffff }), {}, "3", /not one message/],
    ["bytes that are no message", frame(Buffer.from([10, 200])), {}, "3", /no t\.M/],
    ["a group without an end", frame(Buffer.from([0x0b])), {}, "3", /no t\.M/],
    ["text that is no UTF-8", frame(Buffer.from([10, 1, 0xff])), {}, "3", /no t\.M/],
    ["a message beyond the bound", frame(Buffer.alloc(100_001)), {}, "8", /more than 100000/],
    ["a compressed message, no encoding", frame(Buffer.alloc(1), { flags: 1 }), {}, "13", /no header names/],
    ["an unknown encoding", frame(Buffer.alloc(1)), { "grpc-encoding": "snappy" }, "12", /gzip or identity/],
    ["no gzip", frame(Buffer.alloc(9), { flags: 1 }), { "grpc-encoding": "gzip" }, "3", /is no gzip/],
    [
      "a little gzip of much",
      frame(gzipSync(Buffer.alloc(50_000_000)), { flags: 1 }),
      { "grpc-encoding": "gzip" },
      "8",
      /more than/,
    ],
  ])("of %s is refused", async (_what, body, headers, status, message) => {
    const outcome = await call("Unary", body, headers);
    expect(outcome).toMatchObject({ status, message: expect.stringMatching(message) });
    expect(outcome.response.status).toBe(200);
    expect(outcome.bytes.byteLength).toBe(0);
  });

  it("keeps unknown fields", async () => {
    const sent = Buffer.concat([bytesOf({ text: "a" }), Buffer.from([0xfa, 0x06, 1, 7])]);
    const { bytes, status } = await call("Unary", frame(sent));
    expect({ status, bytes: bytes.subarray(5) }).toEqual({ status: "0", bytes: sent });
  });

  it("nested beyond reason is refused, and the function lives on", async () => {
    let nested: Uint8Array = new Uint8Array();
    for (let depth = 0; depth < 5_000; depth++) {
      const head = [0x1a, ...varint(nested.byteLength)];
      nested = Buffer.concat([Buffer.from(head), nested]);
    }
    const { status } = await call("Unary", frame(nested));
    expect(status).toBe("3");
    expect((await call("Unary", frame(bytesOf({ text: "a" })))).status).toBe("0");
  });
});

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

describe("a stream of messages", () => {
  it("is read in whatever pieces it comes", async () => {
    const random = createRandom(3);
    for (let round = 0; round < 60; round++) {
      const texts = Array.from({ length: random.between(0, 20) }, () => "x".repeat(random.between(0, 300)));
      const body = Buffer.concat(texts.map((text) => frame(bytesOf({ text }))));
      const { bytes, status } = await call(
        "Echo",
        inPieces(body, () => random.between(1, 500)),
      );
      expect(status).toBe("0");
      expect(bytes).toEqual(body);
    }
  });

  it("that ends within a message, or lies about a length, ends the call", async () => {
    const body = frame(bytesOf({ text: "abc" }));
    expect(await call("Echo", body.subarray(0, -1))).toMatchObject({
      status: "3",
      message: expect.stringContaining("in the middle"),
    });
    expect(await call("Collect", frame(Buffer.alloc(1), { length: 0xffffffff }))).toMatchObject({
      status: "8",
    });
  });
});

describe("any bytes", () => {
  it("get an answer with a status", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const random = createRandom(11);
    const types = [
      "application/grpc",
      "application/grpc-web+proto",
      "application/grpc-web-text",
      "application/proto",
      "application/json",
      "application/connect+proto",
      "application/connect+json",
      "application/grpc+json",
    ] as const;
    for (let round = 0; round < 1_500; round++) {
      const [type, method] = [random.pick(types), random.pick(["Unary", "Collect", "Echo", "None"])];
      const valid = frame(bytesOf({ text: "x", number: 5n, inner: [{ text: "y" }] }));
      const bytes = random.between(0, 2) === 0 ? random.bytes(random.between(0, 40)) : Buffer.from(valid);
      if (bytes.length > 0) bytes[random.between(0, bytes.length - 1)] = random.between(0, 255);
      const { response, status } = await call(method, bytes, {
        "content-type": type,
        "grpc-encoding": random.pick(["identity", "gzip", "?"]),
      });
      const isNative = /^application\/grpc(?!-web)/.test(type);
      if (isNative) expect(status).toMatch(/^\d+$/);
      expect([200, 400, 404, 415, 429, 500, 501]).toContain(response.status);
    }
    // No fault of the caller is an error of the function.
    expect(log).not.toHaveBeenCalled();
    log.mockRestore();
  });
});

describe("grpc()", () => {
  it("refuses a handler that is no method, and a handler that is no function", () => {
    expect(() => grpc(service, { nothing: () => ({}) } as never)).toThrow(
      "t.S has no method nothing; it has unary, collect, echo",
    );
    expect(() => grpc(service, { unary: 4 } as never)).toThrow("the handler unary of /t.S/Unary is number");
    expect(() => grpc({} as never, {})).toThrow("the service is an export of a .proto file");
    expect(() => fn.with(service, {})).toThrow("t.S is implemented twice");
  });

  it("binds handlers to their object", async () => {
    class Greeter {
      greeting = "hello";
      unary() {
        return { text: this.greeting };
      }
    }
    const own = grpc(service, new Greeter() as never);
    const request = new Request("http://x/t.S/Unary", {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json" },
    });
    expect(await (await own.fetch(request, {}, contextOf())).json()).toEqual({ text: "hello" });
  });
});

describe("GrpcError", () => {
  it("takes codes of gRPC alone", () => {
    expect(() => new GrpcError("NOT_THERE" as never)).toThrow('"NOT_THERE" is no error code of gRPC');
    expect(() => new GrpcError("OK")).toThrow("no error code");
  });
});

it("reads what it wrote", () => {
  expect(fromBinary(input(), bytesOf({ text: "a", number: 5n }))).toMatchObject({ text: "a", number: 5n });
});
