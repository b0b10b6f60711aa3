import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stores } from "../../contracts/index.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats, type TestNats } from "../../test/harness/nats.ts";
import { connectNats, type Nats } from "../connection.ts";
import { type Events, openEvents } from "./events.ts";
import { type EventStart, type FollowedItem, followEvents } from "./follow-events.ts";

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

const textOf = ({ data }: { data: Uint8Array }) => Buffer.from(data).toString();

async function stored(pattern: string): Promise<string[]> {
  const all: string[] = [];
  for await (const event of events.read(pattern, 1)) all.push(`${event.subject} ${textOf(event)}`);
  return all;
}

/** Follows in the background. `pause`: called after each event. */
function follow(
  pattern: string,
  start: EventStart,
  pause: (index: number) => Promise<void> = async () => undefined,
) {
  const end = new AbortController();
  const items: FollowedItem[] = [];
  const run = async () => {
    for await (const item of followEvents({
      nats,
      events,
      pattern,
      start,
      beatMs: 200,
      signal: end.signal,
    })) {
      items.push(item);
      if (item.kind === "event") await pause(items.length);
    }
  };
  const running = run();
  const texts = () => items.flatMap((item) => (item.kind === "event" ? [textOf(item.event)] : []));
  const isReady = () => eventually(() => expect(items.some(({ kind }) => kind === "position")).toBe(true));
  return {
    items,
    texts,
    isReady,
    async stop() {
      end.abort();
      await running;
    },
  };
}

describe("publishing", () => {
  it("stores an event once for an id, with its key and its source, in one order over all lanes", async () => {
    const first = await events.publish({
      subject: "orders.a.paid",
      data: "1",
      id: "x",
      key: "k",
      source: "fn",
    });
    const second = await events.publish({ subject: "orders.a.paid", data: "other", id: "x", key: "k" });
    expect(second).toEqual({ sequence: first.sequence, isDuplicate: true });
    for (const text of ["2", "3"]) await events.publish({ subject: `orders.${text}.paid`, data: text });
    expect(await stored("orders.>")).toEqual(["orders.a.paid 1", "orders.2.paid 2", "orders.3.paid 3"]);
    expect(await stored("orders.*.sent")).toEqual([]);
    expect(await events.get(first.sequence)).toMatchObject({ key: "k", source: "fn", isRetained: false });
    expect(await events.subjects("orders.2.*")).toEqual(new Map([["orders.2.paid", 1]]));
  });

  it("drops an event when its own time is over, and keeps it longer than others where it is longer", async () => {
    await events.publish({ subject: "short.a", data: "1", ttlSeconds: 1 });
    await events.publish({ subject: "short.b", data: "2" });
    await eventually(async () => expect(await stored("short.*")).toEqual(["short.b 2"]), {
      timeoutMs: 10_000,
    });
  });

  it("keeps the last retained event of a subject when all of the stream has aged out", async () => {
    await events.publish({ subject: "state.a", data: "1", retain: true });
    await events.publish({ subject: "state.a", data: "2", retain: true });
    await events.publish({ subject: "state.a", data: "between" });
    await events.publish({ subject: "state.b", data: "3", retain: true });
    await events.publish({ subject: "state.b", data: "", retain: true });
    const manager = await jetstreamManager(nats.connection);
    await manager.streams.purge(stores.events.stream, { filter: nats.world.toWire("narun.e.*.state.>") });
    const last = await events.lastOfEach("state.>");
    expect(last.map((event) => [event.subject, textOf(event), event.isRetained])).toEqual([
      ["state.a", "2", true],
    ]);
  });

  it("keeps the later of two retained events, whichever is written last", async () => {
    const all = Array.from({ length: 20 }, (_, at) =>
      events
        .publish({ subject: "race", data: String(at), retain: true })
        .then(({ sequence }) => ({ at, sequence })),
    );
    const latest = (await Promise.all(all)).reduce((a, b) => (a.sequence > b.sequence ? a : b));
    const kept: string[] = [];
    for await (const event of events.retained("race")) kept.push(textOf(event));
    expect(kept).toEqual([String(latest.at)]);
  });

  it("leaves a later retained event where an earlier one is written after it", async () => {
    const { sequence } = await events.publish({ subject: "late", data: "1", id: "late-1" });
    await events.publish({ subject: "late", data: "2", retain: true });
    // The publisher of the first one had no answer, and sends it again.
    const again = await events.publish({ subject: "late", data: "1", id: "late-1", retain: true });
    expect(again).toEqual({ sequence, isDuplicate: true });
    expect((await Array.fromAsync(events.retained("late"))).map(textOf)).toEqual(["2"]);
  });
});

describe("following", () => {
  it("begins with the last of each subject, with all, with a time, behind an event, or with the next one", async () => {
    const texts: Record<string, string[]> = {};
    for (const [subject, text] of [
      ["f.a", "1"],
      ["f.b", "2"],
      ["f.a", "3"],
    ] as const) {
      await events.publish({ subject, data: text });
      // Times are in milliseconds.
      const atMs = Date.now();
      await eventually(() => expect(Date.now()).toBeGreaterThan(atMs + 1));
    }
    const [second] = await Array.fromAsync(events.read("f.b", 1));
    const starts: Record<string, EventStart> = {
      new: { kind: "new" },
      last: { kind: "last" },
      all: { kind: "all" },
      since: { kind: "since", at: second?.storedAt ?? new Date(0) },
      after: { kind: "after", sequence: second?.sequence ?? 0 },
    };
    for (const [name, start] of Object.entries(starts)) {
      const reader = follow("f.*", start);
      await reader.isReady();
      await events.publish({ subject: "f.c", data: name });
      await eventually(() => expect(reader.texts().at(-1)).toBe(name));
      texts[name] = reader.texts();
      await reader.stop();
      const manager = await jetstreamManager(nats.connection);
      await manager.streams.purge(stores.events.stream, { filter: nats.world.toWire("narun.e.*.f.c") });
    }
    expect(texts).toEqual({
      new: ["new"],
      last: ["2", "3", "last"],
      all: ["1", "2", "3", "all"],
      since: ["2", "3", "since"],
      after: ["3", "after"],
    });
  });

  it("gives a reader that is far behind every event once, in order, without keeping them in memory", async () => {
    const gate = Promise.withResolvers<void>();
    const reader = follow("slow.>", { kind: "new" }, (index) =>
      index < 3 ? gate.promise : Promise.resolve(),
    );
    await reader.isReady();
    const all = Array.from({ length: 600 }, (_, at) => String(at));
    for (const text of all) await events.publish({ subject: `slow.${Number(text) % 7}`, data: text });
    gate.resolve();
    await eventually(() => expect(reader.texts().length).toBeGreaterThanOrEqual(600), { timeoutMs: 20_000 });
    expect(reader.texts()).toEqual(all);
    await reader.stop();
  });

  it("misses nothing and repeats nothing where the server dies and comes back", async () => {
    const reader = follow("crash.>", { kind: "new" });
    await reader.isReady();
    await events.publish({ subject: "crash.a", data: "1" });
    await server.kill9();
    await eventually(() => events.publish({ subject: "crash.a", data: "2", id: "crash-2" }), {
      timeoutMs: 20_000,
    });
    await events.publish({ subject: "crash.a", data: "3" });
    await eventually(() => expect(reader.texts()).toEqual(["1", "2", "3"]), { timeoutMs: 20_000 });
    await reader.stop();
  });

  it("tells a gap where the stream dropped events, and where it is a new one", async () => {
    const { sequence } = await events.publish({ subject: "gap.a", data: "1" });
    await events.publish({ subject: "gap.a", data: "2" });
    await events.publish({ subject: "gap.a", data: "3" });
    const manager = await jetstreamManager(nats.connection);
    await manager.streams.purge(stores.events.stream, { seq: sequence + 2 });
    const reader = follow("gap.*", { kind: "after", sequence });
    await eventually(() => expect(reader.texts()).toEqual(["3"]));
    expect(reader.items[0]).toEqual({ kind: "gap", after: sequence, first: sequence + 2 });
    await reader.stop();
    const ahead = follow("gap.*", { kind: "after", sequence: 1_000_000 });
    await ahead.isReady();
    expect(ahead.items[0]).toMatchObject({ kind: "gap", after: 1_000_000 });
    await ahead.stop();
  });

  it("tells a gap where the stream drops events while a reader is on its way through them", async () => {
    const gate = Promise.withResolvers<void>();
    // Two batches at least, and the first is read.
    const texts = Array.from({ length: 600 }, (_, at) => String(at));
    for (const text of texts) await events.publish({ subject: `late.${Number(text) % 7}`, data: text });
    const reader = follow("late.>", { kind: "all" }, (index) =>
      index === 1 ? gate.promise : Promise.resolve(),
    );
    await eventually(() => expect(reader.texts()).toEqual(["0"]));
    const manager = await jetstreamManager(nats.connection);
    const { last } = await events.bounds();
    await manager.streams.purge(stores.events.stream, { seq: last });
    gate.resolve();
    await eventually(() => expect(reader.texts().at(-1)).toBe("599"));
    const at = reader.items.findIndex(({ kind }) => kind === "gap");
    const [before, gap, behind] = reader.items.slice(at - 1, at + 2);
    if (before?.kind !== "event") throw new Error("the gap is not behind an event");
    expect(gap).toEqual({ kind: "gap", after: before.event.sequence, first: last });
    expect(behind).toMatchObject({ kind: "event", event: { sequence: last } });
    await reader.stop();
  });

  it("tells a gap where the stream drops all that a reader has still to read", async () => {
    const gate = Promise.withResolvers<void>();
    const texts = Array.from({ length: 600 }, (_, at) => String(at));
    for (const text of texts) await events.publish({ subject: `lost.${Number(text) % 7}`, data: text });
    const reader = follow("lost.>", { kind: "all" }, (index) =>
      index === 1 ? gate.promise : Promise.resolve(),
    );
    await eventually(() => expect(reader.texts()).toEqual(["0"]));
    const manager = await jetstreamManager(nats.connection);
    const { last } = await events.bounds();
    await manager.streams.purge(stores.events.stream);
    await events.publish({ subject: "lost.a", data: "next" });
    gate.resolve();
    await eventually(() => expect(reader.texts().at(-1)).toBe("next"));
    const gaps = reader.items.filter(({ kind }) => kind === "gap");
    expect(gaps).toEqual([{ kind: "gap", after: expect.any(Number), first: last + 1 }]);
    expect(reader.texts().length).toBeLessThan(600);
    await reader.stop();
  });
});
