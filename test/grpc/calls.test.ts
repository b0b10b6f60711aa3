/** Calls of gRPC to functions, by the client of grpc-js, through a whole narun. */
import { once } from "node:events";
import { connect, constants } from "node:http2";
import { Metadata, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";
import { rawClient, rawSource } from "./raw-functions.ts";

let world: World;
let client: ReturnType<typeof rawClient>;
beforeAll(async () => {
  world = await startWorld();
  await world.push("raw", rawSource, { grpc: ["pkg.Raw"], routes: [] });
  client = rawClient(world.gateway.grpcAddress ?? "");
});
afterAll(async () => {
  client[Symbol.dispose]();
  await world[Symbol.asyncDispose]();
});

const metadataOf = (fields: [string, string | Buffer][] = []) => {
  const metadata = new Metadata();
  for (const [name, value] of fields) metadata.add(name, value);
  return metadata;
};
const call = (method: string, messages: string[], fields?: [string, string | Buffer][], options?: object) =>
  client.call(`/pkg.Raw/${method}`, messages, metadataOf(fields), options);

describe("a call", () => {
  it("is held until its function runs, and answered", async () => {
    const { code, messages, initial } = await call("Echo", ["hello"]);
    expect({ code, messages }).toEqual({ code: status.OK, messages: ["hello"] });
    expect(initial?.get("server-timing")).toEqual([expect.stringMatching(/^hold;dur=/)]);
    expect(initial?.get("x-request-id")).toHaveLength(1);
  });

  it.each([0, 1, 60_000, 70_000, 1_000_000])("carries a message of %i bytes each way", async (size) => {
    const { code, messages } = await call("Echo", ["x".repeat(size)]);
    expect({ code, sizes: messages.map(({ length }) => length) }).toEqual({ code: status.OK, sizes: [size] });
  });

  it("takes a stream of messages", async () => {
    const { code, messages } = await call("Count", ["a", "bb", "", "c".repeat(300_000)]);
    expect({ code, messages }).toEqual({ code: status.OK, messages: ["4 300003"] });
  });

  it("answers a stream of messages, and trailing metadata", async () => {
    const { code, messages, trailing } = await call("Split", ["a,b,c"]);
    expect({ code, messages }).toEqual({ code: status.OK, messages: ["a", "b", "c"] });
    expect(trailing?.get("parts")).toEqual(["3"]);
  });

  it("talks in both directions, message by message", async () => {
    const chat = client.open("/pkg.Raw/Chat", metadataOf());
    const result = client.collect(chat);
    for (const word of ["one", "two", "three"]) {
      const heard = new Promise((resolve) => chat.once("data", resolve));
      chat.write(word);
      expect(await heard).toBe(`you said ${word}`);
    }
    chat.end();
    expect((await result).code).toBe(status.OK);
  });

  it("without any message is answered", async () => {
    expect(await call("Chat", [])).toMatchObject({ code: status.OK, messages: [] });
  });

  it("passes compressed messages on as they are", async () => {
    using compressing = rawClient(world.gateway.grpcAddress ?? "", {
      "grpc.default_compression_algorithm": 2,
    });
    const text = "x".repeat(10_000);
    expect(await compressing.call("/pkg.Raw/Flag", [text], metadataOf())).toMatchObject({
      code: status.OK,
      messages: ["1 gzip"],
    });
  });

  it("carries metadata both ways: binary values, repeated keys", async () => {
    const { messages, initial, trailing } = await call(
      "Metadata",
      [""],
      [
        ["x-one", "1"],
        ["x-many", "a"],
        ["x-many", "b, c"],
        ["x-raw-bin", Buffer.from([0, 255, 128])],
      ],
    );
    expect(messages[0]).toContain("x-one: 1");
    for (const metadata of [initial, trailing]) {
      expect(metadata?.get("x-one")).toEqual(["1"]);
      expect(metadata?.get("x-many").join(", ")).toBe("a, b, c");
      expect(metadata?.get("x-raw-bin")).toEqual([Buffer.from([0, 255, 128])]);
    }
  });
});

describe("a status", () => {
  it("is the function's own, with its message and details", async () => {
    const { code, details, trailing } = await call("Fail", ["5 nicht gefunden: ü%"]);
    expect({ code, details }).toEqual({ code: status.NOT_FOUND, details: "nicht gefunden: ü%" });
    expect(trailing?.get("grpc-status-details-bin")).toEqual([Buffer.from([8, 1])]);
  });

  it.each([
    ["Throw", status.UNKNOWN],
    ["Html", status.UNKNOWN],
    ["NoStatus", status.INTERNAL],
    ["Torn", status.INTERNAL],
    ["Nothing", status.UNIMPLEMENTED],
  ])("of %s is %i, and tells nothing of the function's inside", async (method, expected) => {
    const { code, details } = await call(method, ["x"]);
    expect(code).toBe(expected);
    expect(details).not.toContain("secret");
  });

  it("of an unknown service is UNIMPLEMENTED", async () => {
    const { code, details } = await client.call("/pkg.Other/Echo", ["x"], metadataOf());
    expect(code).toBe(status.UNIMPLEMENTED);
    expect(details).toContain("pkg.Other");
  });

  it("of a message beyond 16 MiB is RESOURCE_EXHAUSTED", async () => {
    const { code } = await call("Count", ["x".repeat(16 * 1024 * 1024 + 1)]);
    expect(code).toBe(status.RESOURCE_EXHAUSTED);
  });
});

describe("the end of a call before its answer", () => {
  it("by the deadline is DEADLINE_EXCEEDED, and cancels the function", async () => {
    const { code } = await call("Sleep", ["x"], [], { deadline: Date.now() + 300 });
    expect(code).toBe(status.DEADLINE_EXCEEDED);
    await eventually(async () => expect(await lines()).toContain("the sleeper was cancelled"));
  });

  it("of thousands of calls leaves the other calls of the connection alone", async () => {
    const session = connect(`http://${world.gateway.grpcAddress}`);
    const open = (method: string) =>
      session.request({
        ":method": "POST",
        ":path": `/pkg.Raw/${method}`,
        "content-type": "application/grpc",
        te: "trailers",
      });
    const chat = open("Chat");
    const say = (word: string) =>
      chat.write(Buffer.concat([Buffer.from([0, 0, 0, 0, word.length]), Buffer.from(word)]));
    say("one");
    await once(chat, "data");
    for (let round = 0; round < 30; round++) {
      const closed = Array.from({ length: 100 }, () => {
        const cancelled = open("Echo");
        cancelled.close(constants.NGHTTP2_CANCEL);
        return once(cancelled, "close");
      });
      await Promise.all(closed);
    }
    say("two");
    const [heard] = await once(chat, "data");
    expect(String(heard)).toContain("you said two");
    session.destroy();
  });

  it("by the client cancels the function", async () => {
    const chat = client.open("/pkg.Raw/Chat", metadataOf());
    const result = client.collect(chat);
    const heard = new Promise((resolve) => chat.once("data", resolve));
    chat.write("one");
    await heard;
    chat.cancel();
    expect((await result).code).toBe(status.CANCELLED);
    await eventually(async () => expect(await lines()).toContain("the chat was cancelled"));
  });
});

const lines = async () => (await world.logs("raw")).map(({ message }) => message);
