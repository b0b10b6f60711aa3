/** Several requests on one connection, sent before their answers have come. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call } from "../testing/http-client.ts";
import type { PeerNode } from "../testing/peer-node.ts";
import { connectRaw, handshake, statusesIn } from "../testing/raw-client.ts";
import { type GatewayWorld, REVISION, specOf, startGatewayWorld } from "../testing/world.ts";

let world: GatewayWorld;
let node: PeerNode;
const begun: string[] = [];
const releases: (() => void)[] = [];

beforeAll(async () => {
  world = await startGatewayWorld({ specs: [specOf("slow"), specOf("quick")] });
  node = await world.startNode();
  const nameOf = (headers: ReadonlyMap<string, string[]> | undefined) =>
    headers?.get("X-Original-Query")?.[0] ?? "";
  await node.start("slow", {
    revision: REVISION,
    concurrency: 100,
    handler: ({ headers }) => {
      const name = nameOf(headers);
      begun.push(name);
      return new Promise((resolve) => releases.push(() => resolve({ data: `slow ${name}\n` })));
    },
  });
  await node.start("quick", {
    revision: REVISION,
    concurrency: 100,
    handler: ({ headers }) => {
      begun.push(nameOf(headers));
      return { data: `quick ${nameOf(headers)}\n` };
    },
  });
});
afterAll(() => world[Symbol.asyncDispose]());

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`;
const isBegun = (name: string) => expect.poll(() => begun).toContain(name);
const release = () => {
  for (const one of releases.splice(0)) one();
};
const bodiesIn = (text: string) => text.match(/^(slow|quick) .*$/gm);

describe("requests on one connection", () => {
  it("are served one after the other, in their order", async () => {
    using client = await connectRaw(world.url);
    client.socket.write(get("/slow?1") + get("/quick?2") + get("/slow?3") + get("/quick?4"));
    await isBegun("1");
    // The request of another client does not wait.
    expect((await call(`${world.url}/quick?other`)).status).toBe(200);
    expect(begun).not.toContain("2");
    release();
    await isBegun("3");
    release();
    await client.has(/quick 4/);
    expect(bodiesIn(client.text)).toEqual(["slow 1", "quick 2", "slow 3", "quick 4"]);
  });

  it("are all served, however many there are", async () => {
    using client = await connectRaw(world.url);
    const names = Array.from({ length: 400 }, (_, n) => `n${n}`);
    client.socket.write(names.map((name) => get(`/quick?${name}`)).join(""));
    await client.has(/quick n399/);
    expect(bodiesIn(client.text)).toEqual(names.map((name) => `quick ${name}`));
  });
});

describe("a wish for a protocol that there is none of", () => {
  it("is the last of its connection: an answer to what comes behind could be taken for that of another", async () => {
    using client = await connectRaw(world.url);
    const wish = "Connection: Upgrade\r\nUpgrade: h2c\r\n";
    client.socket.write(get("/quick?wish").replace("\r\n\r\n", `\r\n${wish}\r\n`) + get("/quick?lost"));
    await client.has(/quick wish/);
    client.socket.write(get("/quick?other"));
    const text = await client.ended;
    expect(bodiesIn(text)).toEqual(["quick wish"]);
    expect(text).toMatch(/\r\nConnection: close\r\n/);
  });
});

describe("behind a request whose answer is due", () => {
  it("one for a WebSocket is served as an ordinary request, and is the last", async () => {
    using client = await connectRaw(world.url);
    client.socket.write(get("/slow?before") + handshake("/quick?wish") + get("/quick?after"));
    await isBegun("before");
    release();
    const text = await client.ended;
    expect(bodiesIn(text)).toEqual(["slow before", "quick wish"]);
    expect(text.slice(text.indexOf("slow before"))).toMatch(/\r\nConnection: close\r\n/);
    expect((await call(`${world.url}/quick?alive`)).status).toBe(200);
  });

  it.each([
    ["what is no request", "nonsense\r\n\r\n", 400],
    ["a request for a tunnel", "CONNECT test:1 HTTP/1.1\r\nHost: test\r\n\r\n", 405],
    [
      "a body that cannot be read",
      "POST /quick HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      400,
    ],
    [
      "a length that is told twice",
      "POST /quick HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      400,
    ],
  ])("%s is refused in its turn, and is the last", async (_what, bytes, status) => {
    using client = await connectRaw(world.url);
    const name = `slow-${releases.length}-${begun.length}`;
    client.socket.write(get(`/slow?${name}`) + get("/quick?next") + bytes);
    await isBegun(name);
    expect(client.text).toBe("");
    release();
    const text = await client.ended;
    expect(statusesIn(text)).toEqual([200, 200, status]);
    expect(bodiesIn(text)).toEqual([`slow ${name}`, "quick next"]);
    expect(text).toMatch(/X-Request-Id: [\w-]{36}/);
  });

  it("a request whose client leaves is never begun", async () => {
    const client = await connectRaw(world.url);
    client.socket.write(get("/slow?leaves") + get("/quick?never"));
    await isBegun("leaves");
    client.socket.resetAndDestroy();
    await expect.poll(() => world.gateway.counts().get("slow")?.inFlight ?? 0).toBe(0);
    release();
    expect((await call(`${world.url}/quick?later`)).status).toBe(200);
    expect(begun).not.toContain("never");
  });
});
