/** How the gateway closes connections: no answer is lost, and no connection is left. */
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../../test/harness/eventually.ts";
import type { PeerNode } from "../testing/peer-node.ts";
import { connectRaw, handshake, statusesIn } from "../testing/raw-client.ts";
import { type GatewayWorld, REVISION, specOf, startGatewayWorld } from "../testing/world.ts";

let world: GatewayWorld;
let node: PeerNode;

beforeAll(async () => {
  world = await startGatewayWorld({
    specs: [
      specOf("fn", { limits: { maxBodyBytes: 200_000_000_000 } }),
      specOf("waits"),
      specOf("small", { limits: { maxBodyBytes: 1_000 } }),
    ],
  });
  node = await world.startNode();
  await node.start("fn", { revision: REVISION, handler: () => ({ data: "answered" }) });
  await node.start("small", { revision: REVISION });
  await node.start("waits", {
    revision: REVISION,
    concurrency: 100,
    handler: () => new Promise(() => undefined),
  });
});
afterAll(() => world[Symbol.asyncDispose]());

const openSockets = () => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
const inFlight = () => world.gateway.counts().get("waits")?.inFlight ?? 0;

describe("a request for a WebSocket that gets none", () => {
  it("leaves no connection behind, whatever its client sends after it", async () => {
    const before = openSockets();
    const clients = await Promise.all(Array.from({ length: 20 }, () => connectRaw(world.url)));
    for (const { socket } of clients) socket.write(handshake("/nowhere"));
    await Promise.all(clients.map((client) => client.has(/ 404 /)));
    for (const { socket } of clients) socket.write("something");
    for (const client of clients) client[Symbol.dispose]();
    await eventually(() => expect(openSockets()).toBeLessThanOrEqual(before));
  });

  it("ends with its client, though that has sent more than it may", async () => {
    const before = openSockets();
    using client = await connectRaw(world.url);
    client.socket.write(handshake("/waits"));
    await eventually(() => expect(inFlight()).toBe(1));
    client.socket.write(Buffer.alloc(70_000, 0x81));
    await eventually(() => expect(inFlight()).toBe(0));
    client[Symbol.dispose]();
    using other = await connectRaw(world.url);
    other.socket.write(handshake("/waits"));
    await eventually(() => expect(inFlight()).toBe(1));
    // It is not read before the function has answered, and does not hide the end.
    other.socket.write("a little");
    other[Symbol.dispose]();
    await eventually(() => expect(inFlight()).toBe(0));
    await eventually(() => expect(openSockets()).toBeLessThanOrEqual(before));
  });

  it("is an ordinary request where it has a body", async () => {
    using client = await connectRaw(world.url);
    client.socket.write(`${handshake("/fn").slice(0, -2)}Content-Length: 2\r\n\r\nhi`);
    await client.has(/answered/);
    expect(statusesIn(client.text)).toEqual([200]);
  });
});

describe("a client that still sends its body when it is answered", () => {
  // A function sees a body of unknown length before all of it has come. At first only the size of a chunk is sent.
  it.each([
    ["/fn", "Transfer-Encoding: chunked\r\n\r\nea60\r\n", /^HTTP\/1\.1 200 (?s:.*)answered$/],
    ["/small", "Content-Length: 60000\r\n\r\n", /^HTTP\/1\.1 413 /],
  ])("may send all of it before it looks at the answer: %s", async (path, framing, answer) => {
    using client = await connectRaw(world.url);
    const { socket } = client;
    socket.write(`POST ${path} HTTP/1.1\r\nHost: test\r\n${framing}`);
    expect(await client.ended).toMatch(answer);
    // A connection that was closed in both directions would be reset by the first of them.
    for (let n = 0; n < 15; n++) await new Promise((resolve) => socket.write(Buffer.alloc(4_000), resolve));
    socket.end();
    expect(await once(socket, "close")).toEqual([false]);
  });

  it("is cut when it sends nothing for a while, or without an end", { timeout: 60_000 }, async () => {
    const ask = async () => {
      const client = await connectRaw(world.url);
      const head = "POST /fn HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";
      client.socket.write(`${head}fffffffff\r\n`);
      await client.ended;
      return client;
    };
    const before = openSockets();
    using silent = await ask();
    using endless = await ask();
    const flood = async () => {
      const block = Buffer.alloc(1_000_000);
      while (!endless.socket.destroyed) await new Promise((resolve) => endless.socket.write(block, resolve));
    };
    endless.socket.on("error", () => undefined);
    await flood();
    // The gateway is not told of the silent client's end.
    await eventually(() => expect(openSockets()).toBeLessThanOrEqual(before + 1));
    expect(silent.socket.destroyed).toBe(false);
  });
});

describe("a drain", () => {
  it("answers a request that arrives on a kept connection as it begins, and tells its client to leave", async () => {
    const gateway = await world.startGateway();
    using client = await connectRaw(gateway.httpUrl);
    using trigger = await connectRaw(gateway.httpUrl);
    const request = "GET /fn HTTP/1.1\r\nHost: test\r\n\r\n";
    client.socket.write(request);
    await client.has(/answered/);
    const drained = new Promise<void>((resolve, reject) => {
      // Sockets are being read here, as where a signal begins the drain. The request is on its way.
      trigger.socket.once("data", () => {
        client.socket.write(request);
        gateway.drain({ graceMs: 10_000 }).then(resolve, reject);
      });
    });
    trigger.socket.write("GET /nowhere HTTP/1.1\r\nHost: test\r\n\r\n");
    await drained;
    const [, refusal = ""] = (await client.ended).split("answered");
    expect(statusesIn(refusal)).toEqual([503]);
    expect(refusal).toMatch(/^connection: close\r$/im);
  });
});
