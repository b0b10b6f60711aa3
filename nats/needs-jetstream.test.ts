import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sha256Hex } from "../machine/sha256.ts";
import { startConfiguredNats } from "../test/harness/configured-nats.ts";
import { eventually } from "../test/harness/eventually.ts";
import { type NatsCluster, startNatsCluster } from "../test/harness/nats-cluster.ts";
import { connectNats, type Nats } from "./connection.ts";
import { openByteKv } from "./kv/byte-kv.ts";
import { openKv } from "./kv/kv.ts";
import { needsJetStream } from "./needs-jetstream.ts";
import { openByteObjects } from "./objects/byte-objects.ts";
import { openContentStore } from "./objects/objects.ts";

let cluster: NatsCluster;
beforeAll(async () => {
  cluster = await startNatsCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());

const codec = { decode: (text: string) => text, encode: (text: string) => text };
const LONG_MS = 60_000;

function connectTo(name: string | undefined): Promise<Nats> {
  const url = cluster.hosts.get(name ?? "") ?? "";
  return eventually(() => connectNats({ url, name: "cluster test", copies: 1 }));
}

/** The server that has a bucket without replicas, and another one. */
async function placesOf(nats: Nats, stream: string): Promise<{ owner: string; other: string | undefined }> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  const owner = (await manager.streams.info(stream)).cluster?.leader ?? "";
  return { owner, other: [...cluster.hosts.keys()].find((name) => name !== owner) };
}

test("a cluster that elects its first leader is waited for", { timeout: LONG_MS }, async () => {
  const nats = await connectTo("n0");
  const kv = await openKv(nats, { bucket: "early" }, codec);
  await kv.put("key", "value");
  expect(await kv.get("key")).toMatchObject({ value: "value" });
  await nats.close();
});

test("a bucket whose only server is away is waited for, and told as that", { timeout: LONG_MS }, async () => {
  const first = await connectTo("n0");
  const early = await openKv(first, { bucket: "lonely" }, codec);
  const { owner, other } = await placesOf(first, "KV_lonely");
  await early.put("key", "value");
  await first.close();
  const nats = await connectTo(other);
  const kv = await openKv(nats, { bucket: "lonely" }, codec);
  await cluster.kill(owner);
  // A server that has not yet noticed the end of its peer sends the write there: that one has no answer in time.
  await eventually(() =>
    expect(kv.put("key", "other")).rejects.toMatchObject({
      code: "NATS_JETSTREAM_UNAVAILABLE",
      message: expect.stringContaining("no responders: '$KV.lonely.key'"),
    }),
  );
  const writing = kv.put("key", "third");
  cluster.start(owner);
  expect(await writing).toBe(2);
  expect(await kv.get("key")).toMatchObject({ value: "third" });
  await nats.close();
});

test("work goes on when a server answers again, and tells that it waits", { timeout: LONG_MS }, async () => {
  const first = await connectTo("n0");
  const early = await openKv(first, { bucket: "held" }, codec);
  await early.put("key", "value");
  await openContentStore(first, "held");
  const { owner } = await placesOf(first, "KV_held");
  const { owner: storeOwner } = await placesOf(first, "OBJ_held");
  await first.close();
  const other = cluster.names.find((name) => name !== owner && name !== storeOwner);
  const url = cluster.hosts.get(other ?? "") ?? "";
  let tellWait: (isWaiting: boolean) => void = () => undefined;
  const nats = await connectNats({
    url,
    name: "waits",
    copies: 1,
    onWait: (isWaiting) => tellWait(isWaiting),
  });
  const kv = await openKv(nats, { bucket: "held" }, codec);
  const store = await openContentStore(nats, "held");
  const held = async (holder: string, work: () => Promise<unknown>) => {
    const waits = Promise.withResolvers<void>();
    const told: boolean[] = [];
    tellWait = (isWaiting) => {
      told.push(isWaiting);
      waits.resolve();
    };
    cluster.stop(holder);
    const working = work();
    await waits.promise;
    cluster.resume(holder);
    await working;
    expect(told.at(-1)).toBe(false);
  };
  await held(owner, () => kv.delete("key"));
  expect(await kv.get("key")).toBeUndefined();
  const functions = openByteKv(nats, "held");
  await functions.make();
  await held(owner, () => functions.put("key", Buffer.from("value")));
  expect(await functions.get("key")).toMatchObject({ bytes: Buffer.from("value") });
  const bytes = Buffer.from("bytes");
  await held(storeOwner, () => store.put(sha256Hex(bytes), bytes));
  expect(await store.get(sha256Hex(bytes))).toEqual(bytes);
  await nats.close();
});

test("an object is written on where the leader of its store comes back", { timeout: LONG_MS }, async () => {
  const first = await connectTo("n0");
  await openByteObjects(first, "once").make();
  const { owner, other } = await placesOf(first, "OBJ_once");
  await first.close();
  const nats = await connectTo(other);
  const objects = openByteObjects(nats, "once");
  await objects.make();
  // The body can be read once: its second piece comes when the server is away.
  async function* body() {
    yield Buffer.alloc(200 * 1024, "a");
    await cluster.kill(owner);
    cluster.start(owner);
    yield Buffer.from("end");
  }
  const { version } = await objects.put("late", body());
  const read = await objects.read("late", version);
  expect(Buffer.concat(await Array.fromAsync(read ?? [])).byteLength).toBe(200 * 1024 + 3);
  await nats.close();
});

test("a write at a server that is cut off is done by another one", { timeout: LONG_MS }, async () => {
  const options = { name: "cut off", copies: 3 };
  const first = await eventually(() => connectNats({ url: cluster.urls(), ...options }));
  await openKv(first, { bucket: "whole" }, codec);
  const { other = "" } = await placesOf(first, "KV_whole");
  await first.close();
  const nats = await connectNats({ url: cluster.url(other), ...options });
  await eventually(() => expect(nats.cluster.here).toBe(3));
  const kv = await openKv(nats, { bucket: "whole" }, codec);
  cluster.cut(other);
  await kv.put("key", "value");
  expect(nats.url).not.toBe(cluster.url(other));
  cluster.heal(other);
  await nats.close();
});

test("a leader of the cluster that says nothing makes no try late", { timeout: LONG_MS }, async () => {
  await using plain = await startConfiguredNats("jetstream: false");
  const nats = await connectNats({ url: plain.host, name: "no leader", worldId: "00000000" });
  // Without JetStream it is a subject like others, whose subscriber says nothing, as the servers do during an election.
  nats.connection.subscribe("$JS.API.INFO", { callback: () => undefined });
  const cluster = { isCluster: true, isStranded: false, here: 3, most: 3 };
  let tries = 0;
  const work = async () => {
    tries += 1;
    if (tries < 8) await nats.connection.request("nobody", "", { timeout: 5_000 });
    return "done";
  };
  // Eight tries with 2 s between them would be given up.
  const user = { state: "connected", connection: nats.connection, cluster };
  expect(await needsJetStream(user, work, { mayRepeat: false })).toBe("done");
  await nats.close();
});

test("a cluster without a majority is told as that", { timeout: LONG_MS }, async () => {
  const first = await connectTo("n0");
  await openContentStore(first, "some");
  // A store on the server that is left would still be read there.
  const { owner, other } = await placesOf(first, "OBJ_some");
  await first.close();
  const nats = await connectTo(other);
  const store = await openContentStore(nats, "some");
  const lost = [...cluster.hosts.keys()].filter((name) => name !== other);
  expect(lost).toContain(owner);
  for (const name of lost) await cluster.kill(name);
  const unavailable = { code: "NATS_NO_MAJORITY" };
  await expect(openKv(nats, { bucket: "late" }, codec)).rejects.toMatchObject(unavailable);
  await expect(store.has(sha256Hex("none"))).rejects.toMatchObject(unavailable);
  for (const name of lost) cluster.start(name);
  const kv = await eventually(() => openKv(nats, { bucket: "late" }, codec), { timeoutMs: 30_000 });
  expect(await kv.put("key", "value")).toBe(1);
  await nats.close();
});
