/** Calls of gRPC to consumers of the original toolkit, and to other services that narun did not start. */
import { Metadata, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { startGrpcService } from "../harness/grpc-service.ts";
import { startWorld, type World } from "../harness/world.ts";
import { rawClient } from "./raw-functions.ts";

const routes = ["Greeter", "Late"].map((name) => ({
  grpc: `pkg.${name}`,
  service: name.toLowerCase(),
  methods: [],
}));
let world: World;
let client: ReturnType<typeof rawClient>;
let greeter: Awaited<ReturnType<typeof startGrpcService>>;
beforeAll(async () => {
  world = await startWorld({ nodes: 0, gateway: { config: { routes } } });
  client = rawClient(world.gateway.grpcAddress ?? "");
  greeter = await startGrpcService({
    url: world.nats.url,
    name: "greeter",
    answer({ headers, data }) {
      const text = new TextDecoder().decode(data);
      const [, code, ...words] = /^fail (\S+) ?(.*)$/.exec(text) ?? [];
      if (code !== undefined) return { code: Number(code), text: words.join(" ") };
      if (headers["X-Original-Grpc-Method"]?.[0] !== "/pkg.Greeter/Hello") return { code: 501, text: "no" };
      if (text === "nothing") return { data: "" };
      return {
        data: `hello ${text}`,
        fields: [
          ["Grpc-Md-X-Head", "1"],
          ["Grpc-Md-X-Head", "2"],
          ["Grpc-Trailer-X-Tail", "3"],
        ],
      };
    },
  });
});
afterAll(async () => {
  client[Symbol.dispose]();
  await greeter[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const hello = (messages: string[], metadata = new Metadata(), options?: object) =>
  client.call("/pkg.Greeter/Hello", messages, metadata, options);

describe("a unary call", () => {
  it("is one message without its prefix, and so is its answer", async () => {
    const metadata = new Metadata();
    metadata.add("x-many", "a");
    metadata.add("x-many", "b");
    metadata.add("x-raw-bin", Buffer.from([0, 255]));
    const { code, messages, initial, trailing } = await hello(["Ann"], metadata, {
      deadline: Date.now() + 20_000,
    });
    expect({ code, messages }).toEqual({ code: status.OK, messages: ["hello Ann"] });
    expect(initial?.get("x-head").join(", ")).toBe("1, 2");
    expect(trailing?.get("x-tail")).toEqual(["3"]);
    const { headers, data } = greeter.taken.at(-1) ?? { headers: {}, data: new Uint8Array() };
    expect(Buffer.from(data).toString()).toBe("Ann");
    expect(headers).toMatchObject({
      "X-Original-Grpc-Method": ["/pkg.Greeter/Hello"],
      "Grpc-Timeout": [expect.stringMatching(/^\d{1,8}[HMSmun]$/)],
    });
    expect(headers["Grpc-Md-X-Many"]?.join(", ")).toBe("a, b");
    expect(headers["Grpc-Md-X-Raw-Bin"]?.[0]).toMatch(/^AP8=?$/);
    expect(Object.keys(headers).filter((name) => /^(content-type|te|grpc-accept)/i.test(name))).toEqual([]);
  });

  it("with an empty message is answered", async () => {
    expect(await hello([""])).toMatchObject({ code: status.OK, messages: ["hello "] });
    expect(await hello(["nothing"])).toMatchObject({ code: status.OK, messages: [""] });
  });

  it("may be compressed", async () => {
    using compressing = rawClient(world.gateway.grpcAddress ?? "", {
      "grpc.default_compression_algorithm": 2,
    });
    const text = "x".repeat(10_000);
    expect(await compressing.call("/pkg.Greeter/Hello", [text], new Metadata())).toMatchObject({
      code: status.OK,
      messages: [`hello ${text}`],
    });
    expect(greeter.taken.at(-1)?.data.byteLength).toBe(10_000);
  });

  it("is held until its consumer joins", async () => {
    const early = client.call("/pkg.Late/Hello", ["Bob"], new Metadata());
    await eventually(() => expect(world.gateway.counts().get("late")).toMatchObject({ held: 1 }));
    await using _late = await startGrpcService({
      url: world.nats.url,
      name: "late",
      answer: () => ({ data: "here I am" }),
    });
    expect(await early).toMatchObject({ code: status.OK, messages: ["here I am"] });
  });
});

describe("an error of a consumer", () => {
  it.each([
    ["fail 5 not here", status.NOT_FOUND, "not here"],
    ["fail 3 bad", status.INVALID_ARGUMENT, "bad"],
    ["fail 16 who", status.UNAUTHENTICATED, "who"],
    ["fail 400 a secret", status.INVALID_ARGUMENT, undefined],
    ["fail 500 a secret", status.INTERNAL, undefined],
    ["fail 501 a secret", status.UNIMPLEMENTED, undefined],
    ["fail 777 a secret", status.UNKNOWN, undefined],
    ["fail 0 a secret", status.UNKNOWN, undefined],
  ])("%j has the code %i, and no message in place of it", async (text, code, details) => {
    const answer = await hello([text]);
    expect(answer).toMatchObject({ code, messages: [] });
    if (details === undefined) expect(answer.details).not.toContain("secret");
    else expect(answer.details).toBe(details);
  });

  it("is UNIMPLEMENTED for a stream of messages", async () => {
    expect(await hello(["one", "two"])).toMatchObject({ code: status.UNIMPLEMENTED, messages: [] });
  });

  it("is RESOURCE_EXHAUSTED for a message that NATS does not take", async () => {
    expect(await hello(["x".repeat(8 * 1024 * 1024)])).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  });
});

it("finds a service that names its gRPC services in its metadata", async () => {
  await using _named = await startGrpcService({
    url: world.nats.url,
    name: "named",
    metadata: { grpc: "pkg.Named, pkg.Other" },
    answer: () => ({ data: "found" }),
  });
  await eventually(async () =>
    expect(await client.call("/pkg.Named/Hello", ["x"], new Metadata())).toMatchObject({
      code: status.OK,
      messages: ["found"],
    }),
  );
});
