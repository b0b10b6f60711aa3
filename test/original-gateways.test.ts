/**
 * Requests of the original toolkit's gateways, of both eras, to functions. The messages are written by hand, after recorded
 * ones.
 */
import { connect, headers as createHeaders, type Msg, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, describe, expect, it } from "vitest";
import { readBhttpResponse, writeBhttpRequest } from "../contracts/index.ts";
import { eventually } from "./harness/eventually.ts";
import { startWorld } from "./harness/world.ts";

const world = await startWorld();
const client: NatsConnection = await connect({ servers: world.nats.url });
afterAll(async () => {
  await client.close();
  await world[Symbol.asyncDispose]();
});

const ECHO = `
export default async (request) => {
  const url = new URL(request.url);
  if (url.pathname === "/throw") throw new Error("secret text");
  if (url.pathname === "/empty") return new Response(null, { status: 204 });
  if (url.pathname === "/stream") {
    return new Response(new ReadableStream({
      start(controller) {
        for (const text of ["one ", "two ", "three"]) controller.enqueue(new TextEncoder().encode(text));
        controller.close();
      },
    }));
  }
  const body = await request.text();
  const answer = new Response(JSON.stringify({
    method: request.method, url: request.url, body, headers: [...request.headers],
  }), { status: 201, headers: { "content-type": "application/json", connection: "close" } });
  answer.headers.append("set-cookie", "a=1");
  answer.headers.append("set-cookie", "b=2");
  return answer;
};`;
await world.push("echo", ECHO, { scale: { min: 1 }, limits: { maxResponseBytes: 2_000 } });
// Requests to the subject itself need an instance that listens.
await eventually(() => expect(world.announcements("echo").some(({ state }) => state === "ready")).toBe(true));

const TIMEOUT = { timeout: 10_000 };
const hex = (text: string) => Buffer.from(text.replace(/\s/g, ""), "hex");

/** The headers of a message by name, as they are on the wire. */
const headersOf = (message: Msg) =>
  Object.fromEntries(
    [...(message.headers?.keys() ?? [])].map((name) => [name, message.headers?.values(name)]),
  );

function readAnswer(message: Msg) {
  const read = readBhttpResponse(message.data);
  if (!read.ok) throw new Error(read.why);
  const { status, fields, content } = read.message;
  return { status, fields, text: Buffer.from(content).toString() };
}

describe("the newer gateway, which sends binary HTTP", () => {
  const ask = async (data: Uint8Array, type = "application/bhttp") => {
    const headers = createHeaders();
    headers.set("Content-Type", type);
    return client.request("echo", data, { ...TIMEOUT, headers });
  };
  const binary = (method: string, path: string, fields: string[] = [], body = "") =>
    writeBhttpRequest({
      ...{ framing: "known", method, scheme: "", authority: "example.org:8080", path, fields, trailers: [] },
      content: Buffer.from(body),
    }) ?? new Uint8Array();

  it("is answered in binary HTTP, without a header of NATS", async () => {
    const fields = [
      "accept",
      "*/*",
      "connection",
      "keep-alive",
      "content-length",
      "2",
      "x-many",
      "1",
      "x-many",
      "2",
    ];
    const message = await ask(binary("POST", "/echo/a%20b?q=%20", fields, "hi"));
    expect(headersOf(message)).toEqual({});
    const answer = readAnswer(message);
    expect(answer).toMatchObject({
      status: 201,
      fields: expect.arrayContaining([
        "set-cookie",
        "a=1",
        "set-cookie",
        "b=2",
        "content-type",
        "application/json",
      ]),
    });
    expect(answer.fields).not.toContain("connection");
    expect(answer.fields.join()).toContain(`content-length,${answer.text.length}`);
    expect(JSON.parse(answer.text)).toEqual({
      ...{ method: "POST", url: "http://example.org:8080/echo/a%20b?q=%20", body: "hi" },
      headers: [
        ["accept", "*/*"],
        ["content-length", "2"],
        ["host", "example.org:8080"],
        ["x-many", "1, 2"],
      ],
    });
  });

  it("may send chunks of a body whose length it does not know", async () => {
    const message = await ask(
      hex("02 04504f5354 00 09 6c6f63616c686f7374 05 2f6563686f 00 03 616263 02 6465 00 00"),
    );
    const { status, text } = readAnswer(message);
    expect(status).toBe(201);
    expect(JSON.parse(text)).toMatchObject({ method: "POST", url: "http://localhost/echo", body: "abcde" });
  });

  it("gets an answer that streams as one message", async () => {
    expect(readAnswer(await ask(binary("GET", "/stream")))).toMatchObject({
      ...{ status: 200, text: "one two three" },
    });
  });

  it("gets no content with 204, nor for HEAD", async () => {
    expect(readAnswer(await ask(binary("GET", "/empty")))).toEqual({ status: 204, fields: [], text: "" });
    const head = readAnswer(await ask(binary("HEAD", "/echo")));
    expect(head).toMatchObject({ status: 201, text: "" });
  });

  it.each([
    ["a handler that throws", () => binary("GET", "/throw"), 500, "HANDLER_THREW"],
    ["a message that is none", () => Buffer.from("{}"), 400, "BAD_REQUEST"],
    ["no data", () => new Uint8Array(), 400, "BAD_REQUEST"],
    [
      "a message that is cut off",
      () => binary("POST", "/echo", [], "hello").subarray(0, -3),
      400,
      "BAD_REQUEST",
    ],
    [
      "a length that is not its content's",
      () => binary("POST", "/echo", ["content-length", "9"], "hello"),
      400,
      "BAD_REQUEST",
    ],
    [
      "an answer over the limit",
      () => binary("POST", "/echo", [], "x".repeat(2_000)),
      502,
      "RESPONSE_TOO_LARGE",
    ],
  ])("is told of %s in binary HTTP, with nothing internal", async (_what, data, status, code) => {
    const message = await ask(data());
    expect(headersOf(message)).toEqual({});
    const { fields, text, ...answer } = readAnswer(message);
    expect(answer).toEqual({ status });
    expect(fields).toEqual(expect.arrayContaining(["content-type", "application/problem+json"]));
    expect(JSON.parse(text)).toMatchObject({ status, code, requestId: expect.any(String) });
    expect(text).not.toMatch(/secret text/);
  });

  it("does not change a client's own upload of binary HTTP in header mode", async () => {
    const headers = createHeaders();
    headers.set("Content-Type", "application/bhttp");
    headers.set("X-Original-Method", "POST");
    headers.set("X-Original-Path", "/echo");
    const message = await client.request("echo", "bytes", { ...TIMEOUT, headers });
    expect(JSON.parse(message.string())).toMatchObject({ method: "POST", body: "bytes" });
  });
});

describe("the early gateway, which sends headers", () => {
  const ask = (fields: Record<string, string | string[]>, data = "") => {
    const headers = createHeaders();
    for (const [name, values] of Object.entries(fields))
      for (const value of [values].flat()) headers.append(name, value);
    return client.request("echo", data, { ...TIMEOUT, headers });
  };
  const GET = {
    ...{ "X-Original-Method": "GET", "X-Original-Path": "/echo/a b", "X-Original-Query": "q=%20" },
    ...{ "X-Original-Host": "example.org", "X-Original-Remoteaddr": "192.0.2.1:4711" },
  };

  it("is answered with a status and the response's fields", async () => {
    const message = await ask({ ...GET, Accept: "*/*", Connection: "keep-alive", "X-Many": ["1", "2"] });
    expect(headersOf(message)).toMatchObject({
      "X-Response-Status-Code": ["201"],
      "Set-Cookie": ["a=1", "b=2"],
    });
    expect(headersOf(message)).not.toHaveProperty("Connection");
    expect(JSON.parse(message.string())).toEqual({
      ...{ method: "GET", url: "http://example.org/echo/a%20b?q=%20", body: "" },
      headers: [
        ["accept", "*/*"],
        ["host", "example.org"],
        ["x-many", "1, 2"],
      ],
    });
  });

  it("means POST by no method, and the root by no path", async () => {
    const message = await ask({ "X-Original-Host": "example.org" });
    expect(message.json()).toMatchObject({ method: "POST", url: "http://example.org/" });
  });

  it("is told of an error by the status that it reads, with nothing internal", async () => {
    const message = await ask({ ...GET, "X-Original-Path": "/throw" });
    const names = Object.keys(headersOf(message));
    expect(headersOf(message)).toMatchObject({
      "X-Response-Status-Code": ["500"],
      "Nats-Service-Error-Code": ["500"],
      "Content-Type": ["application/problem+json"],
    });
    expect(names.filter((name) => name.startsWith("Narun"))).toEqual([]);
    expect(message.json()).toMatchObject({ status: 500, code: "HANDLER_THREW" });
    expect(message.string()).not.toMatch(/secret text/);
  });
});
