/** The bounds of the readers of events: their number, readers that take nothing, and gateways that leave. */
import { connect } from "node:net";
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Events, openEvents } from "../../nats/index.ts";
import { readEvents } from "../../test/harness/event-reader.ts";
import { eventually } from "../../test/harness/eventually.ts";
import type { Gateway } from "../gateway.ts";
import { type GatewayWorld, specOf, startGatewayWorld } from "../testing/world.ts";
import type { EventLimits } from "./event-door-options.ts";

let world: GatewayWorld;
let events: Events;
beforeAll(async () => {
  const rules = { eventReaders: [{ subjects: [">"], public: true }] };
  world = await startGatewayWorld({ specs: [specOf("shop", rules)] });
  events = await openEvents(world.nats);
});
afterAll(() => world[Symbol.asyncDispose]());

/** How many readers hear one publisher. The long form: `NARUN_TEST_READERS=1000`. */
const READERS = Number(process.env.NARUN_TEST_READERS ?? 250);

const BOUND = { timeoutMs: 30_000 };
const publish = (subject: string, value: unknown, more: object = {}) =>
  events.publish({ subject, data: JSON.stringify(value), ...more });
const startGateway = (eventReaders: Partial<EventLimits>) => world.startGateway({ eventReaders });

async function metric(gateway: Gateway, name: string): Promise<number> {
  const all = (await gateway.metricValues()) as { name: string; values: { value: number }[] }[];
  return all.find((one) => one.name === `narun_gateway_event_${name}`)?.values[0]?.value ?? 0;
}

const UPGRADE = [
  ...["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"],
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/** A client that reads nothing behind the head of the answer. */
async function openStalled(gateway: Gateway, path: string, fields: readonly string[] = []) {
  const socket = connect(Number(new URL(gateway.httpUrl).port), "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write([`GET ${path} HTTP/1.1`, "Host: a", ...fields, "", ""].join("\r\n"));
  await eventually(async () => expect(await metric(gateway, "bytes_total")).toBeGreaterThan(0), BOUND);
  socket.pause();
  return socket;
}

/** More than the kernel takes for a connection. */
async function fill(subject: string): Promise<void> {
  const filler = "x".repeat(512 * 1024);
  for (let n = 0; n < 100; n++) await publish(subject, { n, filler });
}

it.each([
  ["Server-Sent Events", []],
  ["a WebSocket", UPGRADE],
] as const)(
  "a reader that takes nothing is cut after its bound, and no other: %s",
  async (_, fields) => {
    const gateway = await startGateway({ stalledMs: 500, beatMs: 100 });
    const stalled = await openStalled(gateway, "/events/stalled.*", fields);
    const other = await readEvents("/events/quiet.*", { base: () => gateway.httpUrl });
    await fill("stalled.a");
    await eventually(async () => expect(await metric(gateway, "readers_cut_total")).toBe(1), BOUND);
    expect(await metric(gateway, "readers")).toBe(1);
    await publish("quiet.a", 1);
    await eventually(() => expect(other.values).toEqual([1]), BOUND);
    // Its connection is gone, too.
    stalled.resume();
    await eventually(() => expect(stalled.destroyed).toBe(true), BOUND);
    other.stop();
    await gateway.close();
  },
  60_000,
);

it("a gateway has no more readers than its bound, also where they come at once, and takes others when some leave", async () => {
  const gateway = await startGateway({ maxReaders: 3 });
  const ends = Array.from({ length: 12 }, () => new AbortController());
  const answers = await Promise.all(
    ends.map(async ({ signal }) => {
      const response = await fetch(`${gateway.httpUrl}/events/many.*`, { signal });
      const problem = response.status === 200 ? {} : ((await response.json()) as { code?: string });
      return { response, code: problem.code };
    }),
  );
  const refused = answers.filter(({ response }) => response.status === 503);
  expect(answers.filter(({ response }) => response.status === 200)).toHaveLength(3);
  expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(["EVENT_READERS_FULL"]));
  expect(await metric(gateway, "readers")).toBe(3);
  for (const end of ends) end.abort();
  await eventually(async () => expect(await metric(gateway, "readers")).toBe(0), BOUND);
  const next = await readEvents("/events/many.*", { base: () => gateway.httpUrl });
  next.stop();
  await gateway.close();
});

it("a handshake that is none takes no reader's place", async () => {
  const gateway = await startGateway({ maxReaders: 1 });
  const socket = connect(Number(new URL(gateway.httpUrl).port), "127.0.0.1");
  const wrong = UPGRADE.map((field) => field.replace(/Version: 13/, "Version: 99"));
  let text = "";
  socket.on("data", (bytes) => {
    text += bytes.toString();
  });
  socket.write(["GET /events/none.* HTTP/1.1", "Host: a", ...wrong, "", ""].join("\r\n"));
  await eventually(() => expect(text).toMatch(/^HTTP\/1.1 4\d\d/), BOUND);
  expect(await metric(gateway, "readers")).toBe(0);
  socket.destroy();
  await gateway.close();
});

it("a reader that hears nothing gets beats, which move its id along", async () => {
  const gateway = await startGateway({ beatMs: 100 });
  const reader = await readEvents("/events/silent.*", { base: () => gateway.httpUrl });
  const { sequence } = await publish("others.a", 1);
  await eventually(() => expect(Number(reader.lastId)).toBeGreaterThanOrEqual(sequence), BOUND);
  expect(reader.values).toEqual([]);
  reader.stop();
  await gateway.close();
});

it("a retained event comes first, also where the stream has dropped it", async () => {
  await publish("kept.a", "kept", { retain: true });
  await publish("kept.a", "later");
  await publish("kept.b", "b", { retain: true });
  const manager = await jetstreamManager(world.nats.connection);
  await manager.streams.purge("narun-events", { filter: world.nats.world.toWire("narun.e.*.kept.>") });
  const reader = await readEvents("/events/kept.*?since=last", { base: () => world.url });
  await publish("kept.a", "new");
  await eventually(() => expect(reader.values).toEqual(["kept", "b", "new"]), BOUND);
  reader.stop();
});

it("readers move to another gateway when theirs leaves, without a gap or a repeat, while events come", async () => {
  let gateway = await startGateway({});
  const base = () => gateway.httpUrl;
  const readers = await Promise.all(
    Array.from({ length: 5 }, () => readEvents("/events/moved.>", { base, isFaithful: true })),
  );
  const socket = followBySocket(base, "/events/moved.>");
  await eventually(() => expect(socket.lastId()).toBeGreaterThan(0), BOUND);
  const wanted: number[] = [];
  for (let round = 0; round < 4; round++) {
    const former = gateway;
    for (let n = 0; n < 40; n++) {
      wanted.push(wanted.length);
      await publish(`moved.${n % 3}`, wanted.length - 1);
      if (n !== 20) continue;
      gateway = await startGateway({});
      // In order, and at once.
      if (round % 2 === 0) void former.drain({ graceMs: 20_000 });
      else void former.close();
    }
  }
  for (const reader of readers) {
    await eventually(() => expect(reader.values.length).toBeGreaterThanOrEqual(wanted.length), BOUND);
    expect(reader.values).toEqual(wanted);
    expect(reader.gaps).toEqual([]);
    reader.stop();
  }
  await eventually(() => expect(socket.values.length).toBeGreaterThanOrEqual(wanted.length), BOUND);
  expect(socket.values).toEqual(wanted);
  expect(socket.codes).toContain(1001);
  socket.stop();
}, 60_000);

/** A reader over WebSockets that connects again behind its last id. */
function followBySocket(base: () => string, path: string) {
  const values: unknown[] = [];
  const codes: number[] = [];
  let lastId = 0;
  let isOver = false;
  let stop: () => void = () => undefined;
  const open = () => {
    const after = lastId === 0 ? "" : `?after=${lastId}`;
    const socket = new WebSocket(base().replace("http", "ws") + path + after, ["narun.events"]);
    socket.onmessage = ({ data }) => {
      const { kind, id, value } = JSON.parse(data);
      lastId = id;
      if (kind === "event") values.push(value);
    };
    socket.onerror = () => undefined;
    stop = () => socket.close();
    socket.onclose = ({ code }) => {
      codes.push(code);
      if (!isOver) setTimeout(open, 10);
    };
  };
  open();
  const end = () => {
    isOver = true;
    stop();
  };
  return { values, codes, lastId: () => lastId, stop: end };
}

it("a gateway that leaves does not wait for a reader that takes nothing", async () => {
  const gateway = await startGateway({});
  const stalled = await openStalled(gateway, "/events/late.*");
  await fill("late.a");
  const graceMs = 300_000;
  await gateway.drain({ graceMs });
  stalled.destroy();
}, 60_000);

it("many readers hear every event of one publisher once, in order", async () => {
  const EVENTS = 50;
  const { port } = new URL(world.url);
  const readers = Array.from({ length: READERS }, () => {
    const socket = connect(Number(port), "127.0.0.1").setEncoding("latin1");
    const found = { text: "", socket };
    socket.on("data", (text) => {
      found.text += text;
    });
    socket.write("GET /events/load.* HTTP/1.1\r\nHost: a\r\n\r\n");
    return found;
  });
  const isReady = ({ text }: { text: string }) => /\nid: \d+/.test(text);
  await eventually(() => expect(readers.filter(isReady).length).toBe(READERS), BOUND);
  expect(await metric(world.gateway, "readers")).toBe(READERS);
  for (let n = 0; n < EVENTS; n++) await publish(`load.${n % 4}`, `n${n}`);
  const wanted = Array.from({ length: EVENTS }, (_, n) => `n${n}`).join();
  const textOf = ({ text }: { text: string }) =>
    [...text.matchAll(/"value":"(n\d+)"/g)].map(([, value]) => value).join();
  await eventually(() => expect(readers.filter((reader) => textOf(reader) !== wanted).length).toBe(0), BOUND);
  for (const { socket } of readers) socket.destroy();
  await eventually(async () => expect(await metric(world.gateway, "readers")).toBe(0), BOUND);
}, 90_000);
