/** Functions behind a real Caddy that their gateways keep in step. */
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { call } from "../gateway/testing/http-client.ts";
import { type Caddy, caddies, freePort, startCaddy } from "./harness/caddy.ts";
import { eventually } from "./harness/eventually.ts";
import { startTraffic } from "./harness/traffic.ts";
import { startWorld, type World } from "./harness/world.ts";

const HOST = "pub.localhost";
const MIB = 1024 * 1024;

/** One instance, whose requests share its state. */
const LIVE = `
let events;
let received = 0;
export default async (request) => {
  const { pathname, search } = new URL(request.url);
  if (pathname === "/live/events") {
    const body = new ReadableStream({ start: (controller) => { events = controller; } });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  }
  if (pathname === "/live/emit") {
    events.enqueue(new TextEncoder().encode("data: " + search.slice(1) + "\\n\\n"));
    return new Response("emitted");
  }
  if (pathname === "/live/received") return new Response(String(received));
  if (pathname === "/live/upload") {
    received = 0;
    for await (const chunk of request.body) received += chunk.byteLength;
    return new Response(String(received));
  }
  if (pathname === "/live/socket") {
    const { 0: client, 1: server } = new WebSocketPair();
    server.accept();
    server.addEventListener("message", ({ data }) => server.send("echo " + data));
    return new Response(null, { status: 101, webSocket: client });
  }
  return new Response(request.url + " " + request.headers.get("x-forwarded-for"));
};`;

describe.each(caddies)("$name", ({ program }) => {
  const test = program === undefined ? it.skip : it;
  let caddy: Caddy;
  let world: World;
  let metricsPort: number;
  // Two addresses of one machine stand for two machines.
  const gatewayAt = (host: string) => ({
    caddy: caddy.admin,
    http: { host, port: 0 },
    metrics: { host, port: metricsPort },
    trustedProxies: ["127.0.0.0/8"],
  });
  const ask = (path: string) => call(`http://127.0.0.1:${caddy.port}${path}`, { host: HOST });

  beforeAll(async () => {
    if (program === undefined) return;
    caddy = await startCaddy(program);
    metricsPort = await freePort();
    world = await startWorld({ gateway: gatewayAt("127.0.0.1") });
    await world.push("live", LIVE, { hosts: [HOST], scale: { max: 1 } });
    await world.push("sleeper", 'export default () => new Response("awake");', { hosts: [HOST] });
    // Caddy answers 200 without a body where it has no route.
    await eventually(async () => expect(JSON.stringify(await caddy.config())).toContain('"/sleeper"'));
    await eventually(async () => expect((await ask("/live")).text).toContain(HOST));
  }, 120_000);
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
    await caddy?.[Symbol.asyncDispose]();
  });

  test("tells functions the host and the client", async () => {
    expect((await ask("/live/x?y=1")).text).toBe(`http://${HOST}/live/x?y=1 127.0.0.1`);
  });

  test("waits for a function that sleeps", async () => {
    expect((await world.ps("sleeper")).length).toBe(0);
    const answer = await ask("/sleeper");
    expect(answer).toMatchObject({ status: 200, text: "awake" });
    expect(answer.headers["server-timing"]).toMatch(/^hold;/);
  });

  test("passes server-sent events on one by one", async () => {
    const events = await open("/live/events");
    for (const name of ["one", "two", "three"]) {
      expect((await ask(`/live/emit?${name}`)).text).toBe("emitted");
      // The next event is emitted only after this one has come.
      await eventually(() => expect(events.text()).toContain(`data: ${name}\n\n`));
    }
    events.close();
  });

  test("passes an upload of 100 MiB on while it comes", async () => {
    const upload = request(`http://127.0.0.1:${caddy.port}/live/upload`, {
      method: "POST",
      headers: { Host: HOST, "Content-Length": 100 * MIB },
      agent: false,
    });
    const answered = new Promise<string>((resolve, reject) => {
      upload.once("error", reject);
      upload.once("response", (incoming) => {
        let text = "";
        incoming.on("data", (chunk: Buffer) => {
          text += chunk.toString();
        });
        incoming.on("end", () => resolve(`${incoming.statusCode} ${text}`));
      });
    });
    upload.write(Buffer.alloc(MIB, 1));
    await eventually(async () => expect(Number((await ask("/live/received")).text)).toBeGreaterThan(MIB / 2));
    for (let sent = 1; sent < 100; sent++) {
      if (!upload.write(Buffer.alloc(MIB, 1))) await new Promise((resolve) => upload.once("drain", resolve));
    }
    upload.end();
    expect(await answered).toBe(`200 ${100 * MIB}`);
  });

  test("carries WebSockets, and newer versions keep them over a change", async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${caddy.port}/live/socket`, { headers: { Host: HOST } });
    const messages: string[] = [];
    let isClosed = false;
    socket.on("message", (data) => void messages.push(String(data)));
    socket.on("close", () => {
      isClosed = true;
    });
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    socket.send("a");
    await eventually(() => expect(messages).toEqual(["echo a"]));
    const changes = await caddy.changes();
    await world.push("late", 'export default () => new Response("late");', { hosts: [HOST] });
    await eventually(async () => expect((await ask("/late")).text).toBe("late"));
    expect(await caddy.changes()).toBeGreaterThan(changes);
    if (program !== "caddy") {
      socket.send("b");
      await eventually(() => expect([messages, isClosed]).toEqual([["echo a", "echo b"], false]));
    }
    socket.terminate();
  });

  test("loses nothing of a gateway that is drained under load", async () => {
    const further = await world.startGateway(gatewayAt("127.0.0.2"));
    const { host } = new URL(further.httpUrl);
    await eventually(async () => expect(JSON.stringify(await caddy.config())).toContain(host));
    let sent = 0;
    const traffic = startTraffic(
      async () => {
        const body = `${sent++}`;
        const answer = await call(`http://127.0.0.1:${caddy.port}/sleeper`, {
          host: HOST,
          method: "POST",
          body,
        });
        return `${answer.status} ${answer.text}`;
      },
      { clients: 4 },
    );
    await traffic.more(100);
    const isUsed = async () => {
      const { text } = await call(`${further.metricsUrl}/metrics`);
      expect(text).toMatch(
        /http_gateway_requests_total\{method="POST",path="\/sleeper",status_code="200"\} [1-9]/,
      );
    };
    await eventually(isUsed);
    const changes = await caddy.changes();
    await further.drain({ graceMs: 10_000, lameDuckMs: 10_000 });
    await traffic.more(100);
    expect(new Set(await traffic.stop())).toEqual(new Set(["200 awake"]));
    // A change would reset connections that come meanwhile.
    expect(await caddy.changes()).toBe(changes);
    await world.push("later", 'export default () => new Response("later");', { hosts: [HOST] });
    await eventually(async () => expect(JSON.stringify(await caddy.config())).not.toContain(host));
  });

  /** A request whose answer is read as it comes. */
  async function open(path: string) {
    let text = "";
    const sent = request(`http://127.0.0.1:${caddy.port}${path}`, { headers: { Host: HOST }, agent: false });
    const answered = new Promise<void>((resolve, reject) => {
      sent.once("error", reject);
      sent.once("response", (incoming) => {
        incoming.on("data", (chunk: Buffer) => {
          text += chunk.toString();
        });
        incoming.on("error", () => undefined);
        resolve();
      });
    });
    sent.end();
    await answered;
    return { text: () => text, close: () => sent.destroy() };
  }
});
