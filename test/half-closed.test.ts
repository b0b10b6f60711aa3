/**
 * Clients that close their direction of a connection after their last byte (a FIN). A client that waits for its answers gets
 * them. A client that has disconnected sends a FIN as well, and its requests end.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectRaw, handshake, type RawClient } from "../gateway/testing/raw-client.ts";
import { eventually } from "./harness/eventually.ts";
import { startWorld, type World } from "./harness/world.ts";

/** Requests wait for a request with `/open`. `/state` reports how many wait, and how many were aborted. */
const waits = `
  let gate = Promise.withResolvers();
  let waiting = 0;
  let aborted = 0;
  export default async (request) => {
    const { pathname, search } = new URL(request.url);
    if (pathname.endsWith("/state")) return Response.json({ waiting, aborted });
    if (pathname.endsWith("/open")) {
      gate.resolve();
      gate = Promise.withResolvers();
      return new Response();
    }
    const body = await request.text();
    const leaving = new Promise((resolve) => request.signal.addEventListener("abort", resolve));
    leaving.then(() => (aborted += 1));
    const opened = Promise.race([gate.promise, leaving]);
    waiting += 1;
    const leave = () => void (waiting -= 1);
    if (pathname.endsWith("/stream")) {
      const { readable, writable } = new TransformStream();
      const writer = writable.getWriter();
      const write = (text) => writer.write(new TextEncoder().encode(text));
      write("first ").then(() => opened).then(() => write("second")).then(() => writer.close()).then(leave, leave);
      return new Response(readable);
    }
    await opened;
    leave();
    return new Response("answer to " + request.method + search + body.length + "\\n");
  };
`;

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.push("waits", waits, { scale: { concurrency: 100 } });
});
afterAll(() => world[Symbol.asyncDispose]());

const state = async () => JSON.parse((await world.call("/waits/state")).text);
const isWaiting = (waiting: number) => eventually(async () => expect((await state()).waiting).toBe(waiting));
const open = () => world.call("/waits/open");

const statusesIn = (text: string) =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));

const get = (path: string, version = "1.1") => `GET ${path} HTTP/${version}\r\nHost: test\r\n\r\n`;
const upload = (length: number) =>
  `POST /waits HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n${length.toString(16)}\r\n${"u".repeat(length)}\r\n0\r\n\r\n`;

/** Resolves when the gateway has begun to probe the client. */
const isProbed = (client: RawClient, pattern = /H[TP/1.]*$/) => client.has(pattern);

describe("a client that has closed its direction", () => {
  it.each([
    ["a request", get("/waits?1"), "answer to GET?10"],
    ["a request of HTTP/1.0", get("/waits?1", "1.0"), "answer to GET?10"],
    ["a small body", upload(10), "answer to POST10"],
    ["a body in frames", upload(300_000), "answer to POST300000"],
  ])("gets its answer: to %s", async (_name, bytes, answer) => {
    using client = await connectRaw(world.url(""));
    client.socket.end(bytes);
    await isWaiting(1);
    await open();
    const text = await client.ended;
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(text.endsWith(`\r\n\r\n${answer}\n`)).toBe(true);
  });

  it("gets it as it is, however long it takes", async () => {
    using client = await connectRaw(world.url(""));
    client.socket.end(get("/waits?1"));
    await isProbed(client, /HT$/);
    await open();
    expect(await client.ended).toMatch(/^HTTP\/1\.1 200 OK\r\n(?s:.*)\r\n\r\nanswer to GET\?10\n$/);
  });

  it("gets the answers to all that it asked, in their order", async () => {
    using client = await connectRaw(world.url(""));
    client.socket.end(get("/waits?1") + get("/nowhere") + get("/waits?2") + get("/waits?3"));
    for (const answered of [2, 3, 4]) {
      await isProbed(client);
      await open();
      await eventually(() => expect(statusesIn(client.text)).toHaveLength(answered));
    }
    const text = await client.ended;
    expect(statusesIn(text)).toEqual([200, 404, 200, 200]);
    expect(text.match(/answer to GET\?\d/g)).toEqual([1, 2, 3].map((n) => `answer to GET?${n}`));
  });

  it("gets what its function is still to write of an answer", async () => {
    using client = await connectRaw(world.url(""));
    client.socket.end(get("/waits/stream"));
    await isProbed(client, /6\r\nfirst \r\n00$/);
    await open();
    expect(await client.ended).toMatch(/\r\n\r\n6\r\nfirst \r\n0+6\r\nsecond\r\n0\r\n\r\n$/);
  });

  it.each([
    [
      "for a WebSocket that nobody takes",
      handshake("/waits?1"),
      /^HTTP\/1\.1 200 (?s:.*)answer to GET\?10\n$/,
    ],
    ["that cannot be read", `${get("/waits?1")}garbage\r\n\r\n`, /answer to GET\?10\nHTTP\/1\.1 400 /],
    [
      "that does not become whole",
      `${get("/waits?1")}POST /waits HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf`,
      /GET\?10\nHTTP\/1\.1 400 /,
    ],
    ["for a tunnel", `${get("/waits?1")}CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n`, /GET\?10\nHTTP\/1\.1 405 /],
  ])("gets its answer to a request %s", async (_name, bytes, answers) => {
    using client = await connectRaw(world.url(""));
    client.socket.end(bytes);
    await isProbed(client);
    await open();
    expect(await client.ended).toMatch(answers);
  });
});

describe("a client that has gone", () => {
  it.each([
    ["waits for its answer", get("/waits"), ""],
    ["waits for several", get("/waits?1") + get("/waits?2"), ""],
    ["has sent a body", upload(300_000), ""],
    ["reads a stream", get("/waits/stream"), "first"],
    ["waits for a WebSocket", handshake("/waits"), ""],
  ])("ends a request for which it %s", async (_name, bytes, seen) => {
    const { aborted } = await state();
    using client = await connectRaw(world.url(""));
    client.socket.write(bytes);
    await isWaiting(1);
    await client.has(new RegExp(seen));
    client.socket.destroy();
    await eventually(async () => expect(await state()).toEqual({ waiting: 0, aborted: aborted + 1 }));
    await eventually(() => expect(world.gateway.counts().get("waits")?.inFlight ?? 0).toBe(0));
  });

  it("ends it also when it had closed its direction before", async () => {
    const { aborted } = await state();
    using client = await connectRaw(world.url(""));
    client.socket.end(get("/waits"));
    await isProbed(client);
    client.socket.destroy();
    await eventually(async () => expect(await state()).toEqual({ waiting: 0, aborted: aborted + 1 }));
  });
});
