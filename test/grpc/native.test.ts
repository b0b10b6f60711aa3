/** Functions that implement services, called by grpc-js through the gateway's door for gRPC. */
import {
  create,
  createFileRegistry,
  type DescMessage,
  type DescService,
  fromBinary,
  type Message,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import {
  type CallOptions,
  Client,
  credentials,
  Metadata,
  type ServiceError,
  type StatusObject,
  status,
} from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildSource } from "../harness/function-source.ts";
import { startWorld, type World } from "../harness/world.ts";
import { greeter } from "./greeter.ts";
import { interopSource } from "./interop-service.ts";

let world: World;
let client: Client;
const services = new Map<string, DescService>();
beforeAll(async () => {
  world = await startWorld();
  await world.push("greeter", greeter);
  await world.push("interop", interopSource);
  for (const source of [greeter, interopSource]) {
    const { descriptors = new Uint8Array() } = await buildSource("any", source);
    const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
    for (const type of registry) if (type.kind === "service") services.set(type.typeName, type);
  }
  client = new Client(world.gateway.grpcAddress ?? "", credentials.createInsecure());
}, 120_000);
afterAll(async () => {
  client?.close();
  await world[Symbol.asyncDispose]();
}, 120_000);

interface Outcome {
  code: number;
  details: string;
  replies: Record<string, unknown>[];
  initial: Metadata | undefined;
  trailing: Metadata;
}

type Fields = MessageInitShape<DescMessage>;

/** Sends the messages; `talk` sends further messages for replies. */
function call(
  path: string,
  messages: Fields[],
  { metadata = new Metadata(), ...options }: CallOptions & { metadata?: Metadata } = {},
  talk?: (
    send: (message: Fields | undefined) => void,
    reply: Record<string, unknown>,
    cancel: () => void,
  ) => void,
): Promise<Outcome> {
  const [, service = "", name = ""] = path.split("/");
  const method = services.get(service)?.methods.find((one) => one.name === name);
  if (method === undefined) throw new Error(`no method ${path}`);
  const { input, output } = method;
  const stream = client.makeBidiStreamRequest(
    path,
    (fields: Fields) => Buffer.from(toBinary(input, create(input, fields))),
    (bytes: Buffer) => fromBinary(output, bytes) as Message & Record<string, unknown>,
    metadata,
    options,
  );
  return new Promise((resolve) => {
    const replies: Record<string, unknown>[] = [];
    let initial: Metadata | undefined;
    const send = (message: Fields | undefined) =>
      void (message === undefined ? stream.end() : stream.write(message));
    stream.on("metadata", (fields: Metadata) => {
      initial = fields;
    });
    stream.on("data", (reply: Record<string, unknown>) => {
      replies.push(reply);
      talk?.(send, reply, () => stream.cancel());
    });
    stream.on("error", (_error: ServiceError) => undefined);
    stream.on("status", ({ code, details, metadata: trailing }: StatusObject) =>
      resolve({ code, details, replies, initial, trailing }),
    );
    for (const message of messages) send(message);
    if (talk === undefined) send(undefined);
  });
}

const greet = (method: string, messages: Fields[], options?: CallOptions & { metadata?: Metadata }) =>
  call(`/hello.v1.Greeter/${method}`, messages, options);

describe("a function that implements a service", () => {
  it("answers one message by one, with metadata both ways", async () => {
    const metadata = new Metadata();
    metadata.add("x-in", "early");
    const { code, replies, initial, trailing } = await greet("SayHello", [{ name: "Ada" }], { metadata });
    expect({ code, replies }).toMatchObject({
      code: status.OK,
      replies: [{ message: "Hello Ada", number: 9007199254740993n }],
    });
    expect(initial?.get("x-early")).toEqual(["early"]);
    expect(trailing.get("x-late-bin")).toEqual([Buffer.from([0, 255])]);
  });

  it("may use the library of Protobuf", async () => {
    const { replies } = await greet("SayHello", [{ name: "library", at: { seconds: 5n } }]);
    expect(replies).toMatchObject([{ message: '{"number":"5"}1970-01-01T00:00:05.000Z' }]);
  });

  it("answers by a stream, takes one, and talks", async () => {
    const listened = await greet("Listen", [{ name: "a", count: 3 }]);
    expect(listened.replies.map(({ number }) => number)).toEqual([0n, 1n, 2n]);
    const collected = await greet("Collect", [{ name: "a" }, { name: "b" }]);
    expect(collected).toMatchObject({ code: status.OK, replies: [{ message: "a b", number: 2n }] });
    const chat = await greet("Chat", [{ name: "a" }, { name: "b" }]);
    expect(chat.replies.map(({ message }) => message)).toEqual(["you said a", "you said b"]);
  });

  it.each([
    ["nobody", status.NOT_FOUND, "nobody is here: ü"],
    ["secret", status.INTERNAL, "the function failed"],
    ["wrong", status.INTERNAL, "the function failed"],
  ])("ends a call about %s with its status", async (name, code, details) => {
    const outcome = await greet("SayHello", [{ name }]);
    expect(outcome).toMatchObject({ code, details, replies: [] });
    if (name !== "nobody") return;
    expect(outcome.trailing.get("x-hint")).toEqual(["later"]);
    expect(outcome.trailing.get("grpc-status-details-bin")).toHaveLength(1);
  });

  it("gives what it has before a failure", async () => {
    const { code, details, replies } = await greet("Listen", [{ name: "fail", count: 2 }]);
    expect({ code, details, count: replies.length }).toEqual({
      code: status.ABORTED,
      details: "half way",
      count: 2,
    });
  });

  it("says that a method is not implemented", async () => {
    expect(await greet("Missing", [{}])).toMatchObject({ code: status.UNIMPLEMENTED });
  });

  it("logs the error whose message the caller does not get", async () => {
    const lines = (await world.logs("greeter")).map(({ message }) => message);
    expect(lines.join("\n")).toContain("a secret of the function");
  });
});

const interop = (
  method: string,
  messages: Fields[],
  options?: CallOptions & { metadata?: Metadata },
  talk?: Parameters<typeof call>[3],
) => call(`/grpc.testing.TestService/${method}`, messages, options, talk);
const sizes = (replies: Outcome["replies"]) =>
  replies.map(({ payload }) => (payload as { body: Uint8Array } | undefined)?.body.byteLength);
const body = (size: number) => ({ payload: { body: new Uint8Array(size) } });

describe("the cases of the gRPC project", () => {
  it("empty_unary", async () => {
    expect(await interop("EmptyCall", [{}])).toMatchObject({ code: status.OK, replies: [{}] });
  });

  it("large_unary", async () => {
    const { code, replies } = await interop("UnaryCall", [{ responseSize: 314_159, ...body(271_828) }]);
    expect({ code, sizes: sizes(replies) }).toEqual({ code: status.OK, sizes: [314_159] });
  });

  it("client_streaming", async () => {
    const messages = [27_182, 8, 1_828, 45_904].map(body);
    expect(await interop("StreamingInputCall", messages)).toMatchObject({
      replies: [{ aggregatedPayloadSize: 74_922 }],
    });
  });

  it("server_streaming", async () => {
    const wanted = [31_415, 9, 2_653, 58_979];
    const { code, replies } = await interop("StreamingOutputCall", [
      { responseParameters: wanted.map((size) => ({ size })) },
    ]);
    expect({ code, sizes: sizes(replies) }).toEqual({ code: status.OK, sizes: wanted });
  });

  it("ping_pong", async () => {
    const rounds = [
      [31_415, 27_182],
      [9, 8],
      [2_653, 1_828],
      [58_979, 45_904],
    ].map(([size = 0, sent = 0]) => ({ responseParameters: [{ size }], ...body(sent) }));
    const [first = {}, ...rest] = rounds;
    const { code, replies } = await interop("FullDuplexCall", [first], {}, (send) => send(rest.shift()));
    expect({ code, sizes: sizes(replies) }).toEqual({ code: status.OK, sizes: [31_415, 9, 2_653, 58_979] });
  });

  it("empty_stream", async () => {
    expect(await interop("FullDuplexCall", [])).toMatchObject({ code: status.OK, replies: [] });
  });

  it.each(["UnaryCall", "FullDuplexCall"])("custom_metadata of %s", async (method) => {
    const metadata = new Metadata();
    metadata.add("x-grpc-test-echo-initial", "test_initial_metadata_value");
    metadata.add("x-grpc-test-echo-trailing-bin", Buffer.from([0xab, 0xab, 0xab]));
    const request = method === "UnaryCall" ? { responseSize: 1 } : { responseParameters: [{ size: 1 }] };
    const { code, initial, trailing } = await interop(method, [request], { metadata });
    expect(code).toBe(status.OK);
    expect(initial?.get("x-grpc-test-echo-initial")).toEqual(["test_initial_metadata_value"]);
    expect(trailing.get("x-grpc-test-echo-trailing-bin")).toEqual([Buffer.from([0xab, 0xab, 0xab])]);
  });

  it.each(["UnaryCall", "FullDuplexCall"])("status_code_and_message of %s", async (method) => {
    const responseStatus = { code: 2, message: "test status message" };
    expect(await interop(method, [{ responseStatus }])).toMatchObject({
      code: 2,
      details: "test status message",
    });
  });

  it("special_status_message", async () => {
    const message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";
    expect(await interop("UnaryCall", [{ responseStatus: { code: 2, message } }])).toMatchObject({
      code: 2,
      details: message,
    });
  });

  it("unimplemented_method and unimplemented_service", async () => {
    expect(await interop("UnimplementedCall", [{}])).toMatchObject({ code: status.UNIMPLEMENTED });
    const other = await call("/grpc.testing.UnimplementedService/UnimplementedCall", [{}]);
    expect(other.code).toBe(status.UNIMPLEMENTED);
  });

  it("cancel_after_first_response", async () => {
    const request = { responseParameters: [{ size: 31_415 }], ...body(27_182) };
    const { code } = await interop("FullDuplexCall", [request], {}, (_send, _reply, cancel) => cancel());
    expect(code).toBe(status.CANCELLED);
  });

  it("timeout_on_sleeping_server", async () => {
    const request = { responseParameters: [{ size: 1, intervalUs: 10_000_000 }] };
    const { code } = await interop(
      "FullDuplexCall",
      [request],
      { deadline: Date.now() + 200 },
      () => undefined,
    );
    expect(code).toBe(status.DEADLINE_EXCEEDED);
  });

  it("server_compressed_unary and server_compressed_streaming", async () => {
    for (const value of [true, false]) {
      const { code, replies } = await interop("UnaryCall", [
        { responseSize: 314_159, responseCompressed: { value }, ...body(1) },
      ]);
      expect({ code, sizes: sizes(replies) }).toEqual({ code: status.OK, sizes: [314_159] });
    }
    const responseParameters = [
      { size: 31_415, compressed: { value: true } },
      { size: 92_653, compressed: { value: false } },
    ];
    const { code, replies } = await interop("StreamingOutputCall", [{ responseParameters }]);
    expect({ code, sizes: sizes(replies) }).toEqual({ code: status.OK, sizes: [31_415, 92_653] });
  });
});
