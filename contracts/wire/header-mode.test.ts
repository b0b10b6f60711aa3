import { describe, expect, it } from "vitest";
import {
  completeRequest,
  decodeReply,
  decodeRequest,
  encodeError,
  encodeReply,
  encodeRequest,
} from "./header-mode.ts";
import { createHeaders, type Headers } from "./headers.ts";

const NOTHING = new Uint8Array();
const facts = {
  method: "GET",
  rawPath: "/hello",
  query: "",
  host: "example.org",
  scheme: "http",
  fields: [] as string[],
} as const;
const client = { address: "192.0.2.7", remoteAddress: "10.0.0.1:4711" };
const asSent = { names: "as-sent", omitted: new Set<string>() } as const;
const read = (headers: Headers | undefined, data: Uint8Array = NOTHING) =>
  decodeRequest({ headers, data }, "hello");

describe("a request in header mode", () => {
  it("tells of the client in place of the client's own words", () => {
    const fields = [
      "X-Forwarded-For",
      "1.1.1.1",
      "Forwarded",
      "for=1.1.1.1",
      "Host",
      "evil",
      "Expect",
      "100-continue",
    ];
    const headers = encodeRequest({ ...facts, scheme: "https", fields }, { client });
    expect([...(headers ?? [])]).toEqual([
      ["X-Forwarded-For", ["192.0.2.7"]],
      ["X-Original-RemoteAddr", ["10.0.0.1:4711"]],
      ["X-Forwarded-Host", ["example.org"]],
      ["X-Forwarded-Proto", ["https"]],
      ["X-Original-Method", ["GET"]],
      ["X-Original-Path", ["/hello"]],
      ["X-Original-Query", [""]],
      ["X-Original-Host", ["example.org"]],
      ["Narun-Path", ["/hello"]],
    ]);
  });

  it("leaves out the fields that its connection lists, and narun's own whatever it lists", () => {
    const fields = ["Connection", "X-Hop, keep-alive, Narun-Path", "X-Hop", "1", "x-kept", "2", "TE", "gzip"];
    const headers = encodeRequest({ ...facts, fields }, { client });
    expect(headers?.has("X-Hop")).toBe(false);
    expect(headers?.get("X-Kept")).toEqual(["2"]);
    expect(headers?.get("Narun-Path")).toEqual(["/hello"]);
    expect(headers?.has("Te")).toBe(false);
  });

  it.each([
    ["a name with a space", ["a b", "c"]],
    ["an empty name", ["", "c"]],
    ["a value with a line feed", ["a", "b\nc"]],
    ["a value with a zero byte", ["a", "b\0c"]],
    // The lowest byte of this character is a carriage return.
    ["a value with a character that is no byte", ["a", "b\u010dc"]],
  ])("is refused with %s", (_what, fields) => {
    expect(encodeRequest({ ...facts, fields }, { client })).toBeUndefined();
    expect(encodeReply(200, fields)).toBeUndefined();
  });

  it.each([
    ...[{ rawPath: "/a\nb" }, { query: "a\rb" }, { host: "a\0b" }],
    ...[{ rawPath: "/\u010d" }, { query: "\u010d" }, { host: "\u010d" }],
  ])("is refused with %j", (wrong) => {
    expect(encodeRequest({ ...facts, ...wrong }, { client })).toBeUndefined();
  });

  it.each(["\u010d1", "two words", "", "x".repeat(129)])("has no id where its id is not kept: %j", (id) => {
    expect(read(createHeaders([["Narun-Request-Id", id]])).requestId).toBeUndefined();
  });

  it("leaves out a reserved field though HTTP has no such name", () => {
    const fields = ["Nats-Trace Id", "1", "Narun-\u010d", "2", "X-Kept", "3"];
    const headers = encodeRequest({ ...facts, fields }, {});
    expect(headers?.get("X-Kept")).toEqual(["3"]);
    expect([...(headers?.keys() ?? [])].filter((name) => /Trace|\u010d/i.test(name))).toEqual([]);
    const reply = createHeaders([["Nats-Trace Id", "1"]]);
    expect(decodeReply({ headers: reply, data: NOTHING }, asSent)).toMatchObject({ isValid: true });
  });

  it("has the path decoded as far as a header carries it, and as it was written", () => {
    const headers = encodeRequest({ ...facts, rawPath: "/J%C3%BC/%0a/%ff%20" }, {});
    expect(read(headers).rawPath).toBe("/J%C3%BC/%0a/%ff%20");
    expect(headers?.get("X-Original-Path")).toEqual(["/J\u00c3\u00bc/%0a/\u00ff%20"]);
    expect(headers?.get("Narun-Latin1")).toEqual(["X-Original-Path"]);
  });

  it("is a POST to the service where a plain message has data, else a GET", () => {
    const plain = {
      rawPath: "/hello",
      query: "",
      host: "",
      scheme: "http",
      fields: [],
      hops: 0,
      isUpgrade: false,
    };
    expect(read(undefined)).toEqual({ ...plain, method: "GET" });
    expect(read(undefined, Buffer.from("x"))).toEqual({ ...plain, method: "POST" });
  });

  it("has the defaults of what a caller left out, and keeps its words", () => {
    const headers = createHeaders([
      ["X-Original-Path", "/a"],
      ["X-Own", "1"],
    ]);
    const completed = completeRequest({ headers, data: NOTHING }, "hello", {
      requestId: "r1",
      timeoutMs: 1_000,
    });
    expect(read(completed)).toMatchObject({
      method: "GET",
      rawPath: "/a",
      host: "localhost",
      requestId: "r1",
      fields: ["x-own", "1"],
    });
    expect(headers.size).toBe(2);
  });
});

describe("a reply in header mode", () => {
  it("names a field whose bytes are not UTF-8, and keeps the bytes of its other values", () => {
    const fields = ["x-name", "caf\u00c3\u00a9", "x-name", "caf\u00e9"];
    const headers = encodeReply(200, fields) ?? new Map();
    expect(headers.get("Narun-Latin1")).toEqual(["X-Name"]);
    expect(decodeReply({ headers, data: NOTHING }, { ...asSent, names: "lower" })).toMatchObject({ fields });
  });

  it("is not valid where HTTP cannot carry a field", () => {
    const of = (name: string, value: string) =>
      decodeReply({ headers: createHeaders([[name, value]]), data: NOTHING }, asSent);
    expect(of("X-Bad", "\u0001")).toMatchObject({ isValid: false });
    expect(of("X Bad", "1")).toMatchObject({ isValid: false });
    expect(of("X-Good", "\u00e9")).toMatchObject({ isValid: true, fields: ["X-Good", "\u00c3\u00a9"] });
  });

  it("has the length that was announced, also where the field is left out", () => {
    const headers = createHeaders([["content-length", "5"]]);
    const reading = { names: "as-sent", omitted: new Set(["content-length"]) } as const;
    expect(decodeReply({ headers, data: NOTHING }, reading)).toMatchObject({
      announcedLength: "5",
      fields: [],
    });
  });

  it("is an error where it says so, before anything else", () => {
    const decode = (...fields: [string, string][]) =>
      decodeReply({ headers: createHeaders(fields), data: NOTHING }, asSent);
    expect(decodeReply({ headers: encodeError("CPU_LIMIT", 70), data: NOTHING }, asSent)).toEqual({
      kind: "failed",
      code: "CPU_LIMIT",
      limit: 70,
    });
    expect(decode(["Narun-Error", "NO_SUCH_CODE"])).toMatchObject({ kind: "response", status: 200 });
    expect(decode(["Nats-Service-Error-Code", "503"])).toEqual({ kind: "service-error", status: 503 });
    expect(decode(["Nats-Service-Error", "x"])).toEqual({ kind: "service-error", status: undefined });
    expect(decode(["X-Response-Status-Code", "99"])).toMatchObject({ status: 200 });
  });
});
