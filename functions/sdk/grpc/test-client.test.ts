/** `grpcClient` of `narun/testing`: all four kinds, metadata both ways, the ends of a call. */
import { createFileRegistry, type DescService } from "@bufbuild/protobuf";
import { beforeAll, expect, it } from "vitest";
import { compileProto } from "../../../builder/proto/compile.ts";
import { createSourceFolder } from "../../../builder/testing/source-folder.ts";
import type { GrpcContext } from "./call.ts";
import { grpc } from "./grpc.ts";
import { GrpcError } from "./grpc-error.ts";
import { grpcClient, type TestCallOptions } from "./test-client.ts";

interface Text {
  text: string;
}
interface Client {
  unary(message: Text, options?: TestCallOptions): Promise<Text>;
  collect(messages: Iterable<Text>): Promise<Text>;
  echo(messages: AsyncIterable<Text>, options?: TestCallOptions): AsyncIterable<Text>;
  missing(message: Text): Promise<Text>;
}

let client: Client;
let aborted = false;
beforeAll(async () => {
  await using folder = await createSourceFolder({
    "a.proto": `syntax = "proto3"; package t; message M { string text = 1; }
      service S { rpc Unary(M) returns (M); rpc Collect(stream M) returns (M); rpc Echo(stream M) returns (stream M); rpc Missing(M) returns (M); }`,
  });
  const { set } = await compileProto(folder.path("a.proto"), { root: folder.dir });
  const service = createFileRegistry(set).getService("t.S") as DescService;
  const fn = grpc(service, {
    async unary({ text }: Text, ctx: GrpcContext<{ greeting: string }>) {
      if (text === "wait") await new Promise((_, reject) => ctx.signal.addEventListener("abort", reject));
      if (text === "fail")
        throw new GrpcError("ABORTED", "ü%", {
          details: [{ type: "t.M", value: Uint8Array.of(1, 2) }],
          metadata: { "x-why": "so" },
        });
      ctx.responseHeaders.set("x-early", ctx.metadata.get("x-in") ?? "");
      ctx.responseTrailers.set("x-late", "late");
      return { text: ctx.env.greeting + text };
    },
    async collect(messages: AsyncIterable<Text>) {
      return { text: (await Array.fromAsync(messages)).map(({ text }) => text).join("+") };
    },
    async *echo(messages: AsyncIterable<Text>, ctx: GrpcContext<unknown>) {
      ctx.signal.addEventListener("abort", () => {
        aborted = true;
      });
      for await (const { text } of messages) yield { text };
    },
  });
  client = grpcClient(fn, service, { env: { greeting: "Hello " } }) as unknown as Client;
});

it("carries messages, metadata and env", async () => {
  let [header, trailer] = [new Headers(), new Headers()];
  const reply = await client.unary(
    { text: "Ada" },
    {
      metadata: { "x-in": "in" },
      onHeader: (fields) => {
        header = fields;
      },
      onTrailer: (fields) => {
        trailer = fields;
      },
    },
  );
  expect(reply).toMatchObject({ text: "Hello Ada" });
  expect([header.get("x-early"), trailer.get("x-late")]).toEqual(["in", "late"]);
  expect(await client.collect([{ text: "a" }, { text: "b" }])).toMatchObject({ text: "a+b" });
});

it("talks message by message, and tells the function that the caller has left", async () => {
  const heard = Promise.withResolvers<void>();
  async function* words() {
    yield { text: "one" };
    await heard.promise;
    yield { text: "two" };
    yield { text: "three" };
  }
  const replies: string[] = [];
  for await (const { text } of client.echo(words())) {
    replies.push(text);
    heard.resolve();
    if (text === "two") break;
  }
  expect(replies).toEqual(["one", "two"]);
  expect(aborted).toBe(true);
});

it("ends by the function's error, with details and metadata", async () => {
  const error: unknown = await client.unary({ text: "fail" }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    code: "ABORTED",
    message: "ü%",
    details: [{ type: "t.M", value: Uint8Array.of(1, 2) }],
  });
  expect((error as GrpcError).metadata.get("x-why")).toBe("so");
  await expect(client.missing({ text: "" })).rejects.toMatchObject({ code: "UNIMPLEMENTED" });
});

it("ends at the caller's deadline", async () => {
  await expect(client.unary({ text: "wait" }, { timeoutMs: 20 })).rejects.toMatchObject({
    code: "DEADLINE_EXCEEDED",
  });
});
