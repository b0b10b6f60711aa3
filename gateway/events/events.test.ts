import { createHash } from "node:crypto";
import { connect } from "node:net";
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Events, openEvents } from "../../nats/index.ts";
import { readEvents } from "../../test/harness/event-reader.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { type GatewayWorld, specOf, startGatewayWorld } from "../testing/world.ts";

let world: GatewayWorld;
let events: Events;
const KEY = "a-key-of-readers";
const digest = `sha256:${createHash("sha256").update(KEY).digest("hex")}`;
const RULES = {
  cors: { origins: ["https://app.example"] },
  eventReaders: [
    { subjects: ["prices.>", "raw.*"], public: true },
    { subjects: "orders.>", keys: [digest] },
  ],
};

beforeAll(async () => {
  world = await startGatewayWorld({ specs: [specOf("shop", RULES)], gateway: { hold: { holdMs: 100 } } });
  events = await openEvents(world.nats);
});
afterAll(() => world[Symbol.asyncDispose]());

const BOUND = { timeoutMs: 20_000 };
const LINE_CHARS = 1_000;
const publish = (subject: string, value: unknown) => events.publish({ subject, data: JSON.stringify(value) });
const codeOf = (problem: unknown) => (problem as { code: string }).code;
const head = (path: string, headers: Record<string, string> = {}, base = world.url) => {
  const end = new AbortController();
  return fetch(`${base}${path}`, { headers, signal: end.signal }).then((response) => ({ response, end }));
};

const read = (path: string, headers: Record<string, string> = {}, base = world.url) =>
  readEvents(path, { base: () => base, headers });

describe("rights", () => {
  it("open nothing but what a function's rules cover whole", async () => {
    for (const path of [
      "/events/users.a",
      "/events/%3E",
      "/events/*.a",
      "/events/raw.%3E",
      "/events/",
      "/events/a..b",
    ]) {
      const { response, end } = await head(path);
      expect([path, response.status, codeOf(await response.json())]).toEqual([path, 404, "NO_ROUTE"]);
      end.abort();
    }
  });

  it("ask for a key, and take one alone that a rule names", async () => {
    const missing = await head("/events/orders.a");
    expect([missing.response.status, missing.response.headers.get("www-authenticate")]).toEqual([
      401,
      "Bearer",
    ]);
    const wrong = await head("/events/orders.a", { authorization: "Bearer other" });
    expect([wrong.response.status, codeOf(await wrong.response.json())]).toEqual([403, "EVENT_KEY_UNKNOWN"]);
    const reader = await read("/events/orders.*", { authorization: `Bearer ${KEY}` });
    await publish("orders.a", 1);
    await eventually(() => expect(reader.values).toEqual([1]), BOUND);
    reader.stop();
  });

  it("leave a path to the function whose route begins with it", async () => {
    await world.putSpec(specOf("events", RULES));
    await eventually(async () => {
      const { response } = await head("/events/prices.a", { "x-request-id": "a" });
      await response.body?.cancel();
      expect(response.headers.get("content-type")).not.toBe("text/event-stream");
    }, BOUND);
    await world.deleteSpec("events");
    await eventually(async () => {
      const { response, end } = await head("/events/prices.a");
      end.abort();
      expect(response.headers.get("content-type")).toBe("text/event-stream");
    }, BOUND);
  });

  it("let pages of the function's origins read, and no others", async () => {
    const { response, end } = await head("/events/prices.a", { origin: "https://app.example" });
    expect(response.headers.get("access-control-allow-origin")).toBe("https://app.example");
    end.abort();
    const other = await head("/events/prices.a", { origin: "https://evil.example" });
    expect(other.response.headers.get("access-control-allow-origin")).toBe(null);
    other.end.abort();
  });

  it("refuse a beginning that is none, and other methods", async () => {
    for (const [path, status] of [
      ["?since=yesterday", 400],
      ["?after=x", 400],
    ] as const) {
      const { response } = await head(`/events/prices.a${path}`);
      expect(response.status).toBe(status);
    }
    expect((await fetch(`${world.url}/events/prices.a`, { method: "POST" })).status).toBe(405);
  });
});

describe("Server-Sent Events", () => {
  it("begin as asked, and go on behind the last id without a gap or a repeat, at another gateway", async () => {
    for (const value of [1, 2]) await publish("prices.resume", value);
    const first = await read("/events/prices.resume?since=all");
    await eventually(() => expect(first.values).toEqual([1, 2]), BOUND);
    first.stop();
    for (const value of [3, 4]) await publish("prices.resume", value);
    const gateway = await world.startGateway();
    const second = await read("/events/prices.*", { "last-event-id": first.lastId }, gateway.httpUrl);
    await publish("prices.resume", 5);
    await eventually(() => expect(second.values).toEqual([3, 4, 5]), BOUND);
    const last = await read("/events/prices.resume?since=last");
    await eventually(() => expect(last.values).toEqual([5]), BOUND);
    last.stop();
    // A gateway that leaves ends its readers, which have a place to go on from.
    await gateway.drain({ graceMs: 5_000 });
    await eventually(() => expect(second.hasEnded).toBe(true), BOUND);
    const third = await read("/events/prices.*", { "last-event-id": second.lastId });
    await publish("prices.resume", 6);
    await eventually(() => expect(third.values).toEqual([6]), BOUND);
    third.stop();
  });

  it("tell a gap where events are gone", async () => {
    const { sequence } = await publish("prices.gap", 1);
    await publish("prices.gap", 2);
    await publish("prices.gap", 3);
    const manager = await jetstreamManager(world.nats.connection);
    await manager.streams.purge("narun-events", { seq: sequence + 2 });
    const reader = await read("/events/prices.gap", { "last-event-id": String(sequence) });
    await eventually(() => expect(reader.values).toEqual([3]), BOUND);
    expect(reader.gaps).toEqual([{ after: sequence, first: sequence + 2 }]);
    reader.stop();
  });

  it("lose nothing for a reader that is slow, and keep nothing for it: what the stream drops meanwhile is a gap", async () => {
    const slow = slowReader("/events/raw.slow");
    await eventually(() => expect(slow.text()).toMatch(/id: \d+/), BOUND);
    slow.socket.pause();
    const filler = "x".repeat(64 * 1024);
    for (let n = 0; n < 200; n++) await publish("raw.slow", { n, filler });
    slow.socket.resume();
    await eventually(() => expect(slow.found()).toEqual(Array.from({ length: 200 }, (_, n) => n)), BOUND);
    slow.socket.pause();
    // More than the kernel takes for a connection (33 MiB, 4 MiB) and the gateway keeps.
    for (let n = 200; n < 1_200; n++) await publish("raw.slow", { n, filler });
    const manager = await jetstreamManager(world.nats.connection);
    await manager.streams.purge("narun-events");
    slow.socket.resume();
    await publish("raw.slow", { n: 1_200 });
    await eventually(() => expect(slow.found().at(-1)).toBe(1_200), BOUND);
    expect(slow.text()).toMatch(/event: gap\nid: \d+\ndata: \{"after":\d+,"first":\d+\}/);
    expect(slow.found().length).toBeLessThan(1_200);
    slow.socket.destroy();
  }, 60_000);
});

/** A reader that stops reading its connection at a word. It keeps the beginning of each line: events are large here. */
function slowReader(path: string) {
  const socket = connect(Number(new URL(world.url).port), "127.0.0.1");
  socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const lines: string[] = [];
  let line = "";
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => {
    const [first = "", ...others] = chunk.split("\n");
    line = (line + first).slice(0, LINE_CHARS);
    for (const next of others) {
      lines.push(line);
      line = next.slice(0, LINE_CHARS);
    }
  });
  const text = () => lines.join("\n");
  const found = () => [...text().matchAll(/"value":\{"n":(\d+)/g)].map(([, n]) => Number(n));
  return { socket, text, found };
}

describe("a WebSocket", () => {
  it("shows its key as a protocol, hears events, and goes on behind an id", async () => {
    const { sequence } = await publish("orders.socket", 0);
    await publish("orders.socket", 1);
    const url = `${world.url.replace("http", "ws")}/events/orders.*?after=${sequence}`;
    const socket = new WebSocket(url, ["narun.events", `narun.key.${KEY}`]);
    const found: { kind: string; value?: unknown }[] = [];
    socket.onmessage = ({ data }) => void found.push(JSON.parse(data));
    const values = () => found.filter(({ kind }) => kind === "event").map(({ value }) => value);
    await eventually(() => expect(values()).toEqual([1]), BOUND);
    await publish("orders.socket", 2);
    await eventually(() => expect(values()).toEqual([1, 2]), BOUND);
    expect(socket.protocol).toBe("narun.events");
    const closed = Promise.withResolvers<number>();
    socket.onclose = ({ code }) => closed.resolve(code);
    socket.close(1000);
    expect(await closed.promise).toBe(1000);
    const refused = new WebSocket(url, ["narun.events"]);
    await new Promise((resolve) => {
      refused.onerror = resolve;
    });
  });
});
