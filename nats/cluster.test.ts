/** What goes on when a server of three dies, stops or is cut off. One cluster for all: each test leaves it whole. */
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stores, subjects } from "../contracts/index.ts";
import { eventually } from "../test/harness/eventually.ts";
import { type NatsCluster, startNatsCluster } from "../test/harness/nats-cluster.ts";
import { connectNats, type Nats } from "./connection.ts";
import { DueMessages } from "./journals/due-messages.ts";
import { ensureJournals } from "./journals/ensure-journals.ts";
import { Journals } from "./journals/journal.ts";
import { openByteKv } from "./kv/byte-kv.ts";
import { openKv, type TypedKv } from "./kv/kv.ts";

const LONG_MS = 90_000;
const WAIT = { timeoutMs: 30_000 };
/** Shorter than the time for which a deaf watch was deaf, and longer than an election. */
const SOON_MS = 20_000;

const codec = { decode: (text: string) => text, encode: (text: string) => text };

let cluster: NatsCluster;
let nats: Nats;
beforeAll(async () => {
  cluster = await startNatsCluster();
  nats = await eventually(() => connectNats({ url: cluster.urls(), name: "cluster test", copies: 3 }), WAIT);
  await eventually(() => expect(nats.cluster.here).toBe(3), WAIT);
});
afterAll(async () => {
  await nats?.close();
  await cluster[Symbol.asyncDispose]();
});

async function placesOf(stream: string): Promise<{ leader: string; consumers: string[]; own: string }> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  const places = await eventually(async () => {
    const leader = (await manager.streams.info(stream)).cluster?.leader;
    const consumers = (await manager.consumers.list(stream).next()).map(({ cluster }) => cluster?.leader);
    if (leader === undefined || consumers.includes(undefined)) throw new Error("an election is under way");
    return { leader, consumers: consumers as string[] };
  }, WAIT);
  return { ...places, own: nameOf(nats) };
}

function nameOf({ url }: Nats): string {
  return cluster.names.find((name) => cluster.url(name) === url) ?? "";
}

async function untilWhole(): Promise<void> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  await eventually(async () => {
    expect(nats.cluster.here).toBe(3);
    for await (const { config, cluster: of } of manager.streams.list())
      expect([config.name, of?.replicas?.filter(({ current }) => current).length]).toEqual([config.name, 2]);
  }, WAIT);
}

/** A write that is made as often as it is refused. */
async function write<T>(work: () => Promise<T>): Promise<T> {
  return eventually(work, WAIT);
}

async function follow(bucket: string): Promise<{ kv: TypedKv<string>; seen: string[]; end(): void }> {
  const kv = await openKv(nats, { bucket }, codec);
  const ending = new AbortController();
  const seen: string[] = [];
  await kv.watch((change) => {
    if (change.kind === "put" && change.read.ok) seen.push(change.read.value);
  }, ending.signal);
  return { kv, seen, end: () => ending.abort() };
}

test.each(["kill", "stop", "cut"] as const)(
  "a watch goes on when the server of its consumer is gone: %s",
  { timeout: LONG_MS },
  async (how) => {
    const { kv, seen, end } = await follow(`watched-${how}`);
    await kv.put("key", "before");
    await eventually(() => expect(seen).toEqual(["before"]));
    const { consumers, own } = await placesOf(`KV_watched-${how}`);
    const [victim = ""] = consumers;
    if (how === "kill") await cluster.kill(victim);
    else cluster[how](victim);
    await write(() => kv.put("key", "after"));
    await eventually(() => expect(seen.at(-1)).toBe("after"), { timeoutMs: SOON_MS });
    // The connection is elsewhere in the end, also where its server lives in the minority.
    if (victim === own) await eventually(() => expect(nameOf(nats)).not.toBe(victim), WAIT);
    if (how === "kill") cluster.start(victim);
    else cluster[how === "stop" ? "resume" : "heal"](victim);
    await untilWhole();
    await kv.put("key", "whole");
    await eventually(() => expect(seen.at(-1)).toBe("whole"), WAIT);
    expect(seen.indexOf("after")).toBe(seen.lastIndexOf("after"));
    end();
  },
);

test("a function's watch and a workflow's messages go on when their server is gone", {
  timeout: LONG_MS,
}, async () => {
  const kv = openByteKv(nats, "of-a-function");
  const ending = new AbortController();
  const keys: string[] = [];
  const following = (async () => {
    for await (const { key } of kv.watch({ prefix: "", withPresent: false, signal: ending.signal }))
      keys.push(key);
  })();
  await eventually(async () => {
    await kv.put("first", new Uint8Array());
    expect(keys).toContain("first");
  }, WAIT);
  await ensureJournals(nats);
  const taken: string[] = [];
  const due = new DueMessages({
    nats,
    most: 8,
    take(message) {
      taken.push(message.id);
      message.ack();
    },
  });
  const journals = new Journals(nats);
  await journals.send({ workflow: "w", id: "one" }, { t: "timer" });
  await eventually(() => expect(taken).toEqual(["one"]));
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  const { stream, consumer } = stores.workflows;
  const victim = (await manager.consumers.info(stream, consumer)).cluster?.leader ?? "";
  expect(nats.world.toWire(subjects.workflowsAll)).toContain(nats.world.id);
  await cluster.kill(victim);
  await write(() => journals.send({ workflow: "w", id: "two" }, { t: "timer" }));
  await eventually(() => expect(taken).toContain("two"), { timeoutMs: SOON_MS });
  await write(() => kv.put("second", new Uint8Array()));
  await eventually(() => expect(keys).toContain("second"), { timeoutMs: SOON_MS });
  due.close();
  ending.abort();
  await following;
  cluster.start(victim);
  await untilWhole();
});

test("a conditional write whose answer is lost is known to be stored", { timeout: LONG_MS }, async () => {
  const kv = await openKv(nats, { bucket: "counted" }, codec);
  const first = (await kv.create("key", "0")) ?? 0;
  const { leader } = await placesOf("KV_counted");
  const killing = cluster.kill(leader);
  const revision = await kv.update("key", "1", first);
  await killing;
  expect(revision).toBeGreaterThan(first);
  expect(await kv.update("key", "2", revision ?? 0)).toBeGreaterThan(revision ?? 0);
  cluster.start(leader);
  await untilWhole();
});

test("a minority refuses writes by name, reads on, and heals", { timeout: LONG_MS }, async () => {
  const { kv, seen, end } = await follow("few");
  await kv.put("key", "before");
  const own = nameOf(nats);
  const lost = cluster.names.filter((name) => name !== own);
  await Promise.all(lost.map((name) => cluster.kill(name)));
  const refused = { code: "NATS_NO_MAJORITY", message: expect.stringContaining("1 of 3 servers are there") };
  await expect(kv.put("key", "refused")).rejects.toMatchObject(refused);
  await expect(kv.update("key", "refused", 1)).rejects.toMatchObject(refused);
  await expect(openKv(nats, { bucket: "late" }, codec)).rejects.toMatchObject(refused);
  expect(await kv.get("key")).toMatchObject({ value: "before" });
  expect(nameOf(nats)).toBe(own);
  for (const name of lost) cluster.start(name);
  await write(() => kv.put("key", "healed"));
  await eventually(() => expect(seen.at(-1)).toBe("healed"), WAIT);
  end();
});
