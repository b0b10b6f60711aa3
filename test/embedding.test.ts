/** Gateways inside applications: every way of docs/embedding.md. */
import { once } from "node:events";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { createGateway, type EmbeddedGateway } from "../gateway/index.ts";
import { call } from "../gateway/testing/http-client.ts";
import { eventually } from "./harness/eventually.ts";
import { startWorld, type World } from "./harness/world.ts";

const FN = `
let aborted = 0;
export default async (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/fn/socket") {
    const { 0: client, 1: server } = new WebSocketPair();
    server.accept();
    server.addEventListener("message", ({ data }) => server.send("echo " + data));
    return new Response(null, { status: 101, webSocket: client });
  }
  if (pathname === "/fn/stream") {
    let count = 0;
    request.signal.addEventListener("abort", () => { aborted += 1; });
    return new Response(new ReadableStream({
      pull(controller) { controller.enqueue(new TextEncoder().encode("piece " + count++ + "\\n")); },
    }));
  }
  if (pathname === "/fn/aborted") return new Response(String(aborted));
  if (pathname === "/fn/none") return new Response(null, { status: 204 });
  const answer = Response.json({
    method: request.method, url: request.url, body: await request.text(), mine: request.headers.get("x-mine"),
    from: request.headers.get("x-forwarded-for"),
  }, { status: 201 });
  answer.headers.append("set-cookie", "a=1");
  answer.headers.append("set-cookie", "b=2");
  return answer;
};`;

let world: World;
let gateway: EmbeddedGateway;
beforeAll(async () => {
  world = await startWorld();
  await world.push("fn", FN);
  gateway = createGateway({ nats: world.nats.url });
}, 120_000);
afterAll(async () => {
  await gateway?.close();
  await world?.[Symbol.asyncDispose]();
});

const listening = async (server: Server) => {
  if (!server.listening) await once(server, "listening");
  return server;
};

/** The applications, each with a page of its own at `/own`. */
const applications: Record<string, (gateway: EmbeddedGateway) => Promise<Server>> = {
  async "Node's http"(gateway) {
    const server = createServer((incoming, outgoing) => {
      if (incoming.url === "/own") outgoing.end("own");
      else gateway.handle(incoming, outgoing);
    });
    server.on("upgrade", gateway.upgrade);
    return listening(server.listen(0, "127.0.0.1"));
  },
  async Express(gateway) {
    const app = express();
    app.use(gateway.handle);
    app.get("/own", (_request, response) => void response.send("own"));
    const server = app.listen(0, "127.0.0.1");
    server.on("upgrade", gateway.upgrade);
    return listening(server);
  },
  async Fastify(gateway) {
    const app = fastify();
    app.get("/own", async () => "own");
    app.all("/*", {
      onRequest: async (request, reply) => {
        reply.hijack();
        gateway.handle(request.raw, reply.raw);
      },
      handler: () => undefined,
    });
    app.server.on("upgrade", gateway.upgrade);
    await app.listen({ port: 0, host: "127.0.0.1" });
    return app.server;
  },
  async Hono(gateway) {
    const app = new Hono();
    app.get("/own", (c) => c.text("own"));
    app.all("/*", (c) => gateway.fetch(c.req.raw));
    const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }) as Server;
    server.on("upgrade", gateway.upgrade);
    return listening(server);
  },
};

describe.each(Object.keys(applications))("a gateway in %s", (name) => {
  let server: Server;
  let port: number;
  beforeAll(async () => {
    server = (await applications[name]?.(gateway)) ?? createServer();
    port = (server.address() as AddressInfo).port;
  });
  afterAll(() => {
    server?.closeAllConnections();
    server?.close();
  });
  const url = (path: string) => `http://127.0.0.1:${port}${path}`;

  it("serves functions beside the application's own pages", async () => {
    expect((await call(url("/own"))).text).toBe("own");
    const answer = await call(url("/fn/a%20b?c=%20"), {
      ...{ method: "POST", body: "hello", headers: ["X-Mine", "yes", "X-Forwarded-For", "192.0.2.1"] },
    });
    expect(answer.status).toBe(201);
    expect(answer.headers["set-cookie"]).toEqual(["a=1", "b=2"]);
    expect(answer.headers["x-request-id"]).toMatch(/^[\da-f-]{36}$/);
    expect(JSON.parse(answer.text)).toEqual({
      ...{ method: "POST", url: url("/fn/a%20b?c=%20"), body: "hello", mine: "yes", from: "127.0.0.1" },
    });
    expect(await call(url("/fn/none"))).toMatchObject({ status: 204, text: "" });
    expect(await call(url("/fn"), { method: "HEAD" })).toMatchObject({ status: 201, text: "" });
  });

  it("answers a path without a route with 404", async () => {
    expect((await call(url("/nowhere"))).status).toBe(404);
  });

  it("carries large bodies both ways", async () => {
    const body = Buffer.alloc(5_000_000, "x");
    const answer = await call(url("/fn"), { method: "PUT", body });
    expect(JSON.parse(answer.text).body.length).toBe(body.length);
  });

  it("streams, and tells the function that its client has left", async () => {
    const before = Number((await call(url("/fn/aborted"))).text);
    const sent = request(url("/fn/stream"), { agent: false });
    sent.end();
    const [incoming] = await once(sent, "response");
    const [first] = await once(incoming, "data");
    expect(String(first)).toMatch(/^piece 0\n/);
    sent.on("error", () => undefined);
    incoming.on("error", () => undefined);
    sent.destroy();
    await eventually(async () => expect(Number((await call(url("/fn/aborted"))).text)).toBe(before + 1));
  });

  it("carries WebSockets", async () => {
    const socket = new WebSocket(url("/fn/socket").replace("http:", "ws:"));
    await once(socket, "open");
    socket.send("hi");
    const [data] = await once(socket, "message");
    expect(String(data)).toBe("echo hi");
    socket.close();
    await once(socket, "close");
  });
});

describe("fetch of an embedded gateway", () => {
  it("needs no server", async () => {
    const answer = await gateway.fetch(
      new Request("https://pub.example/fn/x?y=1", { method: "POST", body: "hi" }),
      {
        address: "192.0.2.7",
      },
    );
    expect(answer.status).toBe(201);
    expect(answer.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(await answer.json()).toMatchObject({
      ...{ method: "POST", url: "https://pub.example/fn/x?y=1", body: "hi", from: "192.0.2.7" },
    });
  });

  it("rejects as fetch does where its request is aborted", async () => {
    const leaving = new AbortController();
    const answer = await gateway.fetch(new Request("http://h/fn/stream", { signal: leaving.signal }));
    const reader = answer.body?.getReader();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toMatch(/^piece 0/);
    leaving.abort();
    await expect(
      (async () => {
        for (;;) if ((await reader?.read())?.done !== false) return "ended";
      })(),
    ).rejects.toThrow();
    await expect(
      gateway.fetch(new Request("http://h/fn", { signal: AbortSignal.abort() })),
    ).rejects.toThrow();
  });

  it("answers errors as a gateway does", async () => {
    const answer = await gateway.fetch(new Request("http://h/nowhere"));
    expect([answer.status, answer.headers.get("content-type")]).toEqual([404, "application/problem+json"]);
  });

  it("rejects where NATS cannot be reached", async () => {
    const lost = createGateway({ nats: "nats://127.0.0.1:1" });
    await expect(lost.ready).rejects.toMatchObject({ code: "NATS_UNREACHABLE" });
    await expect(lost.fetch(new Request("http://h/fn"))).rejects.toMatchObject({ code: "NATS_UNREACHABLE" });
  });

  it("finishes its requests when it drains", async () => {
    const own = createGateway({ nats: world.nats.url });
    const answer = own.fetch(new Request("http://h/fn", { method: "POST", body: "last" }));
    await own.ready;
    expect((await answer).status).toBe(201);
    await own.drain();
    const late = await own.fetch(new Request("http://h/fn"));
    expect(late.status).toBe(503);
  });
});
