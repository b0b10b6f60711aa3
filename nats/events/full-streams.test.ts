/** Streams of events at their bounds: what a publisher sees, and what a hearer that is behind loses. */
import { DiscardPolicy, jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startTestNats, type TestNats } from "../../test/harness/nats.ts";
import { connectNats, type Nats } from "../connection.ts";
import { ensureConsumer } from "../pull/durable-consumer.ts";
import { eventConsumersOf } from "../pull/event-consumers.ts";
import { type Events, openEvents } from "./events.ts";

let server: TestNats;
let nats: Nats;
let events: Events;
beforeAll(async () => {
  server = await startTestNats();
  nats = await connectNats({ url: server.url, name: "events" });
  events = await openEvents(nats);
});
afterAll(async () => {
  await nats.close();
  await server.close();
});

const KIB = "x".repeat(1024);
const bound = async (stream: string, more: object) => {
  const manager = await jetstreamManager(nats.connection);
  const { config } = await manager.streams.info(stream);
  await manager.streams.update(stream, { ...config, ...more });
};

it("a retained event without room is refused by its name, and was published all the same; the former one stays", async () => {
  await bound("narun-events-retained", { max_bytes: 8 * 1024 });
  await events.publish({ subject: "state.a", data: "first", retain: true });
  const fill = async () => {
    for (let n = 0; n < 20; n++) await events.publish({ subject: `full.${n}`, data: KIB, retain: true });
  };
  await expect(fill()).rejects.toMatchObject({ code: "EVENTS_FULL" });
  const before = (await events.bounds()).last;
  const refused = events.publish({ subject: "full.last", data: KIB, retain: true });
  await expect(refused).rejects.toMatchObject({ code: "EVENTS_FULL" });
  expect((await events.bounds()).last).toBe(before + 1);
  expect(await events.lastOf("full.last")).toMatchObject({ sequence: before + 1 });
  expect(await events.lastOf("state.a")).toMatchObject({ isRetained: true });
  // Without `retain` there is no bound.
  await events.publish({ subject: "full.plain", data: KIB });
});

it("a stream at its bound takes every event, and drops the oldest, also those that a durable handler has not taken", async () => {
  await bound("narun-events", { max_bytes: 16 * 1024 });
  const [consumer] = eventConsumersOf(nats, "slow", { name: "h", pattern: "drop.>", isDurable: true });
  if (consumer === undefined) throw new Error("a durable handler has consumers");
  const place = {
    ...{ stream: "narun-events", owner: "slow", ackWaitMs: 30_000, maxPending: 1, from: "new" as const },
    ...{ name: consumer.name, filters: [nats.world.toWire("narun.e.*.drop.>")] },
  };
  await ensureConsumer(nats, place);
  for (let n = 0; n < 60; n++) await events.publish({ subject: "drop.a", data: KIB });
  const { first, last } = await events.bounds();
  expect(last - first).toBeLessThan(20);
  const found = await ensureConsumer(nats, place);
  // It goes on with the first event that is left.
  expect(found).toMatchObject({ kind: "ready", isNew: false, pending: last - first + 1 });
});

it("a publisher is told where an operator has the stream refuse in place of dropping", async () => {
  await bound("narun-events", { max_bytes: 16 * 1024, discard: DiscardPolicy.New });
  const fill = async () => {
    for (let n = 0; n < 60; n++) await events.publish({ subject: "refused.a", data: KIB });
  };
  await expect(fill()).rejects.toMatchObject({ code: "EVENT_NOT_STORED" });
});
