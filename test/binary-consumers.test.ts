/** Consumers that take only binary HTTP, as later versions of the original toolkit have them, behind a gateway of narun. */
import { afterAll, describe, expect, it } from "vitest";
import { readBhttpRequest, writeBhttpResponse } from "../contracts/index.ts";
import { type BinaryService, startBinaryService, startForeignService } from "./harness/foreign-service.ts";
import { startWorld } from "./harness/world.ts";

const world = await startWorld({
  nodes: 0,
  gateway: {
    config: {
      routes: [
        { path: "/told/", methods: [], service: "told", wire: "bhttp" },
        { path: "/learnt/", methods: [], service: "learnt" },
        { path: "/shown/", methods: [], service: "shown" },
        { path: "/early/", methods: [], service: "early" },
        { path: "/forced/", methods: [], service: "forced", wire: "header" },
      ],
    },
  },
});
afterAll(() => world[Symbol.asyncDispose]());

function requestIn({ taken }: BinaryService, at = 0) {
  const read = readBhttpRequest(taken[at]?.data ?? new Uint8Array());
  if (!read.ok) throw new Error(read.why);
  const { content, ...rest } = read.message;
  return { ...rest, body: Buffer.from(content).toString() };
}

const start = (
  name: string,
  options: { metadata?: Record<string, string>; answer?: Uint8Array | number } = {},
) => startBinaryService({ url: world.nats.url, name, ...options });

const response = (parts: Partial<Parameters<typeof writeBhttpResponse>[0]>, body = "") =>
  writeBhttpResponse({
    ...{ framing: "known", status: 200, informational: [], fields: [], trailers: [], ...parts },
    content: Buffer.from(body),
  }) ?? new Uint8Array();

describe("a consumer of binary HTTP", () => {
  it("is asked and read in binary HTTP where its route says so", async () => {
    await using service = await start("told");
    const answer = await world.call("/told/a%20b?q=%20", {
      method: "POST",
      body: "hello",
      headers: { "x-mine": "Zürich".normalize(), te: "trailers", "narun-hops": "3" },
    });
    expect(answer).toMatchObject({ status: 201, text: "made" });
    expect(answer.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    const { fields, ...request } = requestIn(service);
    expect(request).toEqual({
      ...{ framing: "known", method: "POST", scheme: "http", authority: new URL(world.url("/")).host },
      ...{ path: "/told/a%20b?q=%20", trailers: [], body: "hello" },
    });
    const own = Object.fromEntries(
      Array.from({ length: fields.length / 2 }, (_, at) => [fields[2 * at], fields[2 * at + 1]]),
    );
    expect(own).toMatchObject({
      "content-length": "5",
      "x-mine": "Z\xfcrich",
      "x-forwarded-for": "127.0.0.1",
    });
    expect(Object.keys(own)).not.toEqual(expect.arrayContaining(["te"]));
    expect(Object.keys(own).filter((name) => /^(narun|x-original|host|connection)/.test(name))).toEqual([]);
    expect(service.taken[0]?.headers).toContain("Content-Type");
    expect(service.taken[0]?.headers.filter((name) => /^X-/.test(name))).toEqual([]);
  });

  it("is known by its metadata", async () => {
    await using service = await start("shown", { metadata: { "narun.wire": "bhttp" } });
    expect(await world.call("/shown/1")).toMatchObject({ status: 201, text: "made" });
    expect(await world.call("/shown/2")).toMatchObject({ status: 201 });
    expect(service.refused.count).toBe(0);
    expect(requestIn(service, 1)).toMatchObject({ method: "GET", path: "/shown/2" });
  });

  it("is known by its refusal of the first request, which no handler began", async () => {
    await using service = await start("learnt");
    const answer = await world.call("/learnt/1", { method: "POST", body: "once" });
    expect(answer).toMatchObject({ status: 201, text: "made" });
    expect(await world.call("/learnt/2", { method: "POST", body: "twice" })).toMatchObject({ status: 201 });
    expect(service.refused.count).toBe(1);
    expect([0, 1].map((at) => requestIn(service, at).body)).toEqual(["once", "twice"]);
  });

  it("is not sent binary HTTP where its route says the other", async () => {
    await using service = await start("forced");
    expect(await world.call("/forced/1")).toMatchObject({ status: 400, code: "SERVICE_ERROR" });
    expect(service.taken).toEqual([]);
  });

  it("may answer in chunks, after informational responses, and with trailers", async () => {
    const parts = {
      framing: "indeterminate" as const,
      informational: [{ status: 103, fields: ["link", "</a.css>"] }],
      fields: ["x-a", "1"],
      trailers: ["x-b", "2", "content-length", "9"],
    };
    await using _service = await start("told", { answer: response(parts, "chunks") });
    const answer = await world.call("/told/");
    expect(answer).toMatchObject({ status: 200, text: "chunks" });
    expect([answer.headers.get("x-a"), answer.headers.get("x-b")]).toEqual(["1", "2"]);
    expect(answer.headers.get("link")).toBeNull();
  });

  it("answers HEAD, 204 and 304 without a body", async () => {
    await using _service = await start("told", { answer: response({ fields: ["content-length", "7"] }) });
    const answer = await world.call("/told/", { method: "HEAD" });
    expect(answer).toMatchObject({ status: 200, text: "" });
    expect(answer.headers.get("content-length")).toBe("7");
    await using _other = await start("shown", {
      metadata: { "narun.wire": "bhttp" },
      answer: response({ status: 204 }),
    });
    expect(await world.call("/shown/")).toMatchObject({ status: 204, text: "" });
  });

  it.each([
    ["an error of NATS Micro", 500, 500, "SERVICE_ERROR"],
    ["an error of NATS Micro that is the request's", 400, 400, "SERVICE_ERROR"],
    ["an error of NATS Micro that is no status", 7, 502, "SERVICE_ERROR"],
    ["no binary HTTP", Buffer.from("hello"), 502, "BAD_REPLY"],
    ["nothing", new Uint8Array(), 502, "BAD_REPLY"],
    ["a request", Buffer.from("000347455400000012f00", "hex"), 502, "BAD_REPLY"],
    ["a response that is cut off", response({}, "hello").subarray(0, -2), 502, "BAD_REPLY"],
    [
      "a length that is not its content's",
      response({ fields: ["content-length", "9"] }, "hello"),
      502,
      "BAD_REPLY",
    ],
  ])("that answers %s is a failed service", async (_what, answer, status, code) => {
    await using _service = await start("told", { answer });
    expect(await world.call("/told/")).toMatchObject({ status, code });
  });

  it("is not sent a path or a field that it cannot read", async () => {
    await using service = await start("told");
    expect(await world.call(`/told/${"a".repeat(4_100)}`)).toMatchObject({
      status: 414,
      code: "TARGET_TOO_LONG",
    });
    expect(service.taken).toEqual([]);
  });
});

describe("a consumer in header mode", () => {
  it("is asked in header mode where nothing says another", async () => {
    await using service = await startForeignService({
      url: world.nats.url,
      name: "early",
      answer: "headers",
    });
    expect(await world.call("/early/1")).toMatchObject({ status: 200, text: "headers" });
    expect(service.taken).toMatchObject([{ headers: { "X-Original-Path": "/early/1" } }]);
  });

  it("may be replaced by a consumer of binary HTTP while the gateway runs", async () => {
    await using _service = await startBinaryService({ url: world.nats.url, name: "early" });
    expect(await world.call("/early/2", { method: "POST", body: "x" })).toMatchObject({
      status: 201,
      text: "made",
    });
  });
});
