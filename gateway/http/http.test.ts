import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Message } from "../../nats/index.ts";
import { call, valuesOf } from "../testing/http-client.ts";
import type { PeerHandler, PeerNode } from "../testing/peer-node.ts";
import { type GatewayWorld, REVISION, specOf, startGatewayWorld } from "../testing/world.ts";

let world: GatewayWorld;
let node: PeerNode;
let handler: PeerHandler;
let last: Message | undefined;

beforeAll(async () => {
  world = await startGatewayWorld({
    specs: [
      specOf("fn", { limits: { maxBodyBytes: 100_000 } }),
      specOf("only-get", { routes: [{ path: "/only-get", methods: ["GET"] }] }),
    ],
    gateway: { config: { routes: [{ path: "/big", methods: ["POST"], service: "big" }] } },
  });
  node = await world.startNode();
  await node.start("fn", {
    revision: REVISION,
    handler: (message) => {
      last = message;
      return handler(message);
    },
  });
  // A consumer that narun did not start takes a body in one message.
  world.nats.subscribe("big", (message) => message.respond(String(message.data.length)));
  await node.start("only-get", { revision: REVISION });
});
afterAll(() => world[Symbol.asyncDispose]());

const header = (name: string) => last?.headers?.get(name);
const problem = (text: string) => JSON.parse(text) as Record<string, unknown>;

describe("a request over HTTP", () => {
  it("travels with its method, path, query, host, addresses, id and deadline", async () => {
    handler = () => ({ data: "hi" });
    const answer = await call(`${world.url}/fn/a%20b%2Fc?x=1&y=%20`, { headers: ["Accept", "text/plain"] });
    expect(answer).toMatchObject({ status: 200, text: "hi" });
    const host = new URL(world.url).host;
    expect(header("X-Original-Method")).toEqual(["GET"]);
    expect(header("X-Original-Path")).toEqual(["/fn/a b/c"]);
    expect(header("Narun-Path")).toEqual(["/fn/a%20b%2Fc"]);
    expect(header("X-Original-Query")).toEqual(["x=1&y=%20"]);
    expect(header("X-Original-Host")).toEqual([host]);
    expect(header("X-Original-RemoteAddr")?.[0]).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(header("X-Forwarded-For")).toEqual(["127.0.0.1"]);
    expect(header("X-Forwarded-Proto")).toEqual(["http"]);
    expect(header("X-Forwarded-Host")).toEqual([host]);
    expect(header("Accept")).toEqual(["text/plain"]);
    expect(header("Narun-Request-Id")).toEqual([answer.headers["x-request-id"]]);
    expect(Number(header("Narun-Deadline")?.[0])).toBeGreaterThan(Date.now());
  });

  it("brings every byte of a body there and back", async () => {
    handler = ({ data }) => ({ data });
    const body = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256));
    const answer = await call(`${world.url}/fn`, { method: "POST", body });
    expect(answer.body.equals(body)).toBe(true);
    expect(answer.headers["content-length"]).toBe("70000");
    const chunked = await call(`${world.url}/fn`, {
      method: "PUT",
      headers: ["Transfer-Encoding", "chunked"],
      body,
    });
    expect(chunked.body.equals(body)).toBe(true);
  });

  it("keeps repeated fields apart, both ways", async () => {
    handler = () => ({
      headers: [
        ["Set-Cookie", "a=1"],
        ["Set-Cookie", "b=2"],
        ["Link", "<x>"],
        ["Link", "<y>"],
      ],
    });
    const answer = await call(`${world.url}/fn`, { headers: ["X-Tag", "one", "x-tag", "two"] });
    expect(header("X-Tag")).toEqual(["one", "two"]);
    expect(valuesOf(answer.rawHeaders, "set-cookie")).toEqual(["a=1", "b=2"]);
    expect(valuesOf(answer.rawHeaders, "link")).toEqual(["<x>", "<y>"]);
  });

  it("has its cookies in one line", async () => {
    handler = () => ({});
    await call(`${world.url}/fn`, { headers: ["Cookie", "a=1", "cookie", "b=2; c=3", "Cookie", "d=\xfc"] });
    expect(header("Cookie")).toEqual(["a=1; b=2; c=3; d=\xfc"]);
  });

  it("brings header bytes back unchanged, UTF-8 or not", async () => {
    handler = (message) => ({
      headers: [
        ["X-Utf8", message.headers?.get("X-Utf8")?.[0] ?? ""],
        ["X-Latin1", message.headers?.get("X-Latin1")?.[0] ?? ""],
        ["Narun-Latin1", message.headers?.get("Narun-Latin1")?.[0] ?? ""],
      ],
    });
    const utf8 = Buffer.from("Zürich 東京").toString("latin1");
    const answer = await call(`${world.url}/fn`, { headers: ["X-Utf8", utf8, "X-Latin1", "Z\xfcrich"] });
    expect(header("X-Utf8")).toEqual(["Zürich 東京"]);
    expect(header("X-Latin1")).toEqual(["Zürich"]);
    expect(header("Narun-Latin1")).toEqual(["X-Latin1"]);
    expect(valuesOf(answer.rawHeaders, "x-utf8")).toEqual([utf8]);
    expect(valuesOf(answer.rawHeaders, "x-latin1")).toEqual(["Z\xfcrich"]);
  });

  it("leaves behind what belongs to the connection and what only narun may say", async () => {
    handler = () => ({
      headers: [
        ["Keep-Alive", "timeout=99"],
        ["Connection", "X-Private"],
        ["X-Private", "1"],
        ["Narun-Secret", "1"],
        ["X-Response-Status-Code", "201"],
      ],
    });
    const answer = await call(`${world.url}/fn`, {
      headers: [
        ...["X-Original-Path", "/other", "Narun-Deadline", "1", "Nats-Expected-Stream", "s"],
        ...["Connection", "close, X-Hop", "X-Hop", "1", "TE", "trailers", "Proxy-Authorization", "p"],
        ...["X-Forwarded-For", "10.0.0.1", "X-Forwarded-Proto", "https", "traceparent", "00-1-2-01"],
      ],
    });
    expect(header("X-Original-Path")).toEqual(["/fn"]);
    expect(Number(header("Narun-Deadline")?.[0])).toBeGreaterThan(1);
    for (const name of ["Nats-Expected-Stream", "X-Hop", "Connection", "Te", "Proxy-Authorization", "Host"]) {
      expect(header(name), name).toBeUndefined();
    }
    expect(header("X-Forwarded-For")).toEqual(["127.0.0.1"]);
    expect(header("X-Forwarded-Proto")).toEqual(["http"]);
    expect(header("Traceparent")).toEqual(["00-1-2-01"]);
    expect(answer.status).toBe(201);
    for (const name of ["x-private", "narun-secret", "x-response-status-code"]) {
      expect(valuesOf(answer.rawHeaders, name), name).toEqual([]);
    }
    expect(valuesOf(answer.rawHeaders, "keep-alive")).not.toContain("timeout=99");
  });

  it("says that its connection is kept longer than proxies keep theirs", async () => {
    handler = () => ({ data: "hi" });
    const { rawHeaders } = await call(`${world.url}/fn`, { headers: ["Connection", "keep-alive"] });
    const [seconds] = valuesOf(rawHeaders, "keep-alive").map((value) =>
      Number(value.replace("timeout=", "")),
    );
    expect(seconds).toBeGreaterThan(120);
  });

  it("answers 204 without a body and HEAD with the length that GET has", async () => {
    handler = ({ headers }) =>
      headers?.get("X-Original-Method")?.[0] === "HEAD"
        ? { headers: [["Content-Length", "5"]] }
        : { data: "ignored", headers: [["X-Response-Status-Code", "204"]] };
    const empty = await call(`${world.url}/fn`, { method: "DELETE" });
    expect(empty).toMatchObject({ status: 204, text: "" });
    expect(empty.headers["content-length"]).toBeUndefined();
    const head = await call(`${world.url}/fn`, { method: "HEAD" });
    expect(head).toMatchObject({ status: 200, text: "" });
    expect(head.headers["content-length"]).toBe("5");
  });

  it("adds no content type of its own", async () => {
    handler = () => ({ data: "x" });
    expect((await call(`${world.url}/fn`)).headers["content-type"]).toBeUndefined();
  });

  it("keeps a client's request id that is well formed, and replaces another", async () => {
    handler = () => ({});
    const kept = await call(`${world.url}/fn`, { headers: ["X-Request-Id", "abc:1.2-x"] });
    expect(kept.headers["x-request-id"]).toBe("abc:1.2-x");
    const replaced = await call(`${world.url}/nowhere`, { headers: ["X-Request-Id", "a b"] });
    expect(replaced.headers["x-request-id"]).toMatch(/^[\w-]{36}$/);
  });

  it("is not answered with the text of a service's error, nor with success", async () => {
    handler = () => ({
      headers: [
        ["Nats-Service-Error-Code", "418"],
        ["Nats-Service-Error", "secret"],
      ],
    });
    const teapot = await call(`${world.url}/fn`);
    expect(teapot.status).toBe(418);
    expect(problem(teapot.text)).toMatchObject({ status: 418, code: "SERVICE_ERROR" });
    expect(teapot.text).not.toContain("secret");
    expect(problem(teapot.text).detail).toBe("Function fn. The error is in the service's own logs.");
    handler = () => ({
      headers: [
        ["Nats-Service-Error-Code", "13"],
        ["Nats-Service-Error", "secret"],
      ],
    });
    expect((await call(`${world.url}/fn`)).status).toBe(502);
    handler = () => ({
      headers: [
        ["Narun-Error", "HANDLER_THREW"],
        ["Nats-Service-Error-Code", "500"],
        ["Nats-Service-Error", "x"],
      ],
    });
    const threw = await call(`${world.url}/fn`);
    expect(problem(threw.text)).toMatchObject({
      type: "urn:narun:error:HANDLER_THREW",
      status: 500,
      requestId: threw.headers["x-request-id"],
    });
    expect(threw.headers["content-type"]).toBe("application/problem+json");
  });

  it("is answered 502 where the reply's fields are none", async () => {
    handler = () => ({ headers: [["X-Bad", "a\u0001b"]] });
    expect(problem((await call(`${world.url}/fn`)).text)).toMatchObject({ status: 502, code: "BAD_REPLY" });
  });
});

describe("what is refused", () => {
  it("is an unknown path, with 404, and an unlisted method, with 405 and Allow", async () => {
    expect(problem((await call(`${world.url}/nowhere`)).text)).toMatchObject({
      status: 404,
      code: "NO_ROUTE",
    });
    const refused = await call(`${world.url}/only-get`, { method: "POST", body: "x" });
    expect(refused.status).toBe(405);
    expect(refused.headers.allow).toBe("GET, HEAD");
    expect((await call(`${world.url}/only-get`, { method: "HEAD" })).status).toBe(200);
  });

  it("is a body over the limit, by its length before it is sent", async () => {
    handler = () => expect.fail("the body reached the function");
    const refused = await call(`${world.url}/fn`, {
      method: "POST",
      headers: ["Expect", "100-continue"],
      body: Buffer.alloc(100_001),
    });
    expect(problem(refused.text)).toMatchObject({ status: 413, code: "BODY_TOO_LARGE" });
    expect(refused.headers.connection).toBe("close");
    expect(refused.text).toContain("limits.maxBodyBytes");
  });

  it("is a chunked body, when it passes the limit", async () => {
    handler = () => expect.fail("the body reached the function");
    const refused = await call(`${world.url}/fn`, {
      method: "POST",
      headers: ["Transfer-Encoding", "chunked"],
      body: Buffer.alloc(400_000),
    });
    expect(refused.status).toBe(413);
    expect(refused.headers.connection).toBe("close");
  });

  it("is a body that no message carries, while one at that limit fits beside the largest headers", async () => {
    const url = `${world.url}/big`;
    const over = await call(url, { method: "POST", body: Buffer.alloc(world.nats.maxPayload) });
    expect(over.status).toBe(413);
    const limit = Number(/the limit is (\d+) bytes \(max_payload/.exec(over.text)?.[1]);
    expect(limit).toBeGreaterThan(world.nats.maxPayload - 40_000);
    const headers = ["X-Big", "\xfc".repeat(15_500)];
    const most = await call(url, { method: "POST", headers, body: Buffer.alloc(limit) });
    expect(most).toMatchObject({ status: 200, text: String(limit) });
  });

  it("is not a body whose client asked before it sent it", async () => {
    handler = ({ data }) => ({ data });
    const answer = await call(`${world.url}/fn`, {
      method: "POST",
      headers: ["Expect", "100-continue"],
      body: "asked",
    });
    expect(answer).toMatchObject({ status: 200, text: "asked" });
    expect(header("Expect")).toBeUndefined();
  });

  it("is not a body at the limit", async () => {
    handler = ({ data }) => ({ data: String(data.length) });
    expect((await call(`${world.url}/fn`, { method: "POST", body: Buffer.alloc(100_000) })).text).toBe(
      "100000",
    );
  });

  it("is what Node's parser cannot read, with 400 and an id", async () => {
    const { hostname, port } = new URL(world.url);
    const socket = connect(Number(port), hostname);
    socket.write("FOO /fn HTTP/1.1\r\nHost: a\r\n\r\n");
    const answer = await text(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).toMatch(/\r\nX-Request-Id: [\w-]{36}\r\n/);
    expect(problem(answer.slice(answer.indexOf("{")))).toMatchObject({ status: 400, code: "BAD_REQUEST" });
    expect(problem(answer.slice(answer.indexOf("{"))).detail).toBe("Invalid method encountered");
  });

  it.each([17, 1_000])("is one with %i KiB of header fields, with 431 and the limit", async (kib) => {
    const { hostname, port } = new URL(world.url);
    const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
    socket.write(`GET /fn HTTP/1.1\r\nHost: a\r\nX-Long: ${"x".repeat(kib * 1024)}\r\n\r\n`);
    const answer = await text(socket);
    socket.end();
    expect(answer).toMatch(/^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/);
    expect(problem(answer.slice(answer.indexOf("{")))).toMatchObject({
      status: 431,
      code: "HEADERS_TOO_LARGE",
      detail: "the limit is 16384 bytes",
    });
  });

  it("is a request that is none, with 400 and an id", async () => {
    const refused = await call(world.url, { path: "/fn\\x" });
    expect(problem(refused.text)).toMatchObject({ status: 400, code: "BAD_REQUEST" });
    expect(refused.headers["x-request-id"]).toMatch(/^[\w-]{36}$/);
  });
});
