/** Connections that reach `maxAgeMs`: each answer arrives whole, and the last one says that it is. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../../test/harness/eventually.ts";
import { connectRaw, statusesIn } from "../testing/raw-client.ts";
import { type GatewayWorld, REVISION, specOf, startGatewayWorld } from "../testing/world.ts";

const OLD_AT_ONCE_MS = 0.001;
const CLOSE = /\r\nConnection: close\r\n/;

let world: GatewayWorld;
let gate = Promise.withResolvers<void>();
const inFlight = () => world.gateway.counts().get("waits")?.inFlight ?? 0;

beforeAll(async () => {
  world = await startGatewayWorld({
    specs: [specOf("fn"), specOf("waits")],
    gateway: { httpMaxAgeMs: OLD_AT_ONCE_MS },
  });
  const node = await world.startNode();
  await node.start("fn", { revision: REVISION, handler: () => ({ data: "answered\n" }) });
  await node.start("waits", {
    revision: REVISION,
    concurrency: 10,
    handler: () => gate.promise.then(() => ({ data: "late, and whole\n" })),
  });
});
afterAll(() => world[Symbol.asyncDispose]());

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`;

describe("a connection of HTTP", () => {
  it.each([
    ["by default", undefined],
    ["without a bound", 0],
  ])("goes on after an answer %s", async (_, httpMaxAgeMs) => {
    const young = await world.startGateway({ httpMaxAgeMs });
    using client = await connectRaw(young.httpUrl);
    for (const count of [1, 2, 3]) {
      client.socket.write(get("/fn"));
      await eventually(() => expect(statusesIn(client.text)).toEqual(Array(count).fill(200)));
    }
    expect(client.text).not.toMatch(CLOSE);
  });

  it("ends with its next answer when it is old, and not before", async () => {
    using client = await connectRaw(world.url);
    client.socket.write(get("/fn"));
    const text = await client.ended;
    expect(statusesIn(text)).toEqual([200]);
    expect(text).toMatch(CLOSE);
    expect(text).toMatch(/answered\n$/);
  });

  it("brings the answers to all requests that it has, the last one with the close", async () => {
    using client = await connectRaw(world.url);
    gate = Promise.withResolvers();
    client.socket.write(get("/waits") + get("/fn") + get("/fn"));
    await eventually(() => expect(inFlight()).toBe(1));
    gate.resolve();
    const text = await client.ended;
    expect(statusesIn(text)).toEqual([200, 200, 200]);
    expect(text).toContain("late, and whole");
    expect(text.match(new RegExp(CLOSE, "g"))).toHaveLength(1);
    expect(text.slice(text.lastIndexOf("HTTP/1.1"))).toMatch(CLOSE);
  });

  it("stays while its client is silent: no timer cuts it under a request", async () => {
    using client = await connectRaw(world.url);
    let hasEnded = false;
    client.ended.then(
      () => (hasEnded = true),
      () => (hasEnded = true),
    );
    // Another connection comes, is served, and ends meanwhile.
    using other = await connectRaw(world.url);
    other.socket.write(get("/fn"));
    await other.ended;
    expect(hasEnded).toBe(false);
    client.socket.write(get("/fn"));
    expect(statusesIn(await client.ended)).toEqual([200]);
  });
});
