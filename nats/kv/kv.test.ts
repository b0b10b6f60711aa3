import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { NarunError } from "../../contracts/index.ts";
import { countConsumers } from "../../test/harness/consumers.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats, type TestNats } from "../../test/harness/nats.ts";
import { connectNats, type Nats } from "../connection.ts";
import { type KvCodec, openKv, type TypedKv } from "./kv.ts";
import type { KvChange } from "./kv-read.ts";

let server: TestNats;
let nats: Nats;
let kv: TypedKv<number>;
let watching = new AbortController();
let buckets = 0;
let bucket: string;

const numbers: KvCodec<number> = {
  decode(text) {
    const value = Number(text);
    if (Number.isNaN(value)) throw new NarunError("SPEC_INVALID", { detail: `${text} is no number` });
    return value;
  },
  encode: String,
  maxBytes: 4_000_000,
};

beforeAll(async () => {
  server = await startTestNats();
  nats = await connectNats({ url: server.url, name: "test" });
});
afterAll(async () => {
  await nats.close();
  await server.close();
});
afterEach(() => {
  watching.abort();
  watching = new AbortController();
});

async function openBucket(options: { ttlMs?: number } = {}): Promise<void> {
  buckets += 1;
  bucket = `numbers-${buckets}`;
  kv = await openKv(nats, { bucket, ...options }, numbers);
}

/** Writes bytes that the codec would refuse. */
async function putText(key: string, text: string): Promise<void> {
  await (await new Kvm(jetstream(nats.connection)).open(bucket)).put(key, text);
}

/** Watches; what came, in order, as `key=value`, `key!` where it is invalid, `-key` where it was deleted. */
async function watch(): Promise<string[]> {
  const seen: string[] = [];
  await kv.watch((change) => seen.push(describeChange(change)), watching.signal);
  return seen;
}

function describeChange(change: KvChange<number>): string {
  if (change.kind === "delete") return `-${change.key}`;
  return change.read.ok ? `${change.read.key}=${change.read.value}` : `${change.read.key}!`;
}

test("writes only where the revision is the one that was read", async () => {
  await openBucket();
  const created = await kv.create("a", 1);
  expect(created).toBeTypeOf("number");
  expect(await kv.create("a", 2)).toBeUndefined();
  const updated = await kv.update("a", 3, created ?? 0);
  expect(updated).toBeTypeOf("number");
  expect(await kv.update("a", 4, created ?? 0)).toBeUndefined();
  expect(await kv.get("a")).toMatchObject({ ok: true, value: 3, revision: updated });
});

test("lets one of many writers win", async () => {
  await openBucket();
  const revision = await kv.put("a", 0);
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, index) => kv.update("a", index, revision)),
  );
  expect(results.filter((result) => result !== undefined)).toHaveLength(1);
});

test("creates a key again after it was deleted", async () => {
  await openBucket();
  await kv.put("a", 1);
  await kv.delete("a");
  expect(await kv.get("a")).toBeUndefined();
  expect(await kv.create("a", 2)).toBeTypeOf("number");
});

test("lists what is there, and says of an invalid value why", async () => {
  await openBucket();
  await kv.put("a", 1);
  await putText("b", "nonsense");
  await kv.put("c", 3);
  await kv.delete("c");
  const found = new Map((await kv.list()).map((read) => [read.key, read]));
  expect([...found.keys()].sort()).toEqual(["a", "b"]);
  expect(found.get("a")).toMatchObject({ ok: true, value: 1 });
  expect(found.get("b")).toMatchObject({ ok: false, error: { code: "SPEC_INVALID" } });
  expect(await kv.get("b")).toMatchObject({ ok: false });
});

test("lists nothing in an empty bucket", async () => {
  await openBucket();
  expect(await kv.list()).toEqual([]);
});

test("hands over the present entries before the watch resolves, then every change", async () => {
  await openBucket();
  await kv.put("a", 1);
  await kv.put("b", 2);
  await putText("c", "nonsense");
  const seen = await watch();
  expect(seen).toEqual(["a=1", "b=2", "c!"]);
  await kv.put("a", 10);
  await kv.delete("b");
  await eventually(() => expect(seen.slice(3)).toEqual(["a=10", "-b"]));
});

test("resolves a watch of an empty bucket, and of one with nothing but deleted keys", async () => {
  await openBucket();
  const seen = await watch();
  expect(seen).toEqual([]);
  await kv.put("a", 1);
  await eventually(() => expect(seen).toEqual(["a=1"]));
  await kv.delete("a");
  await eventually(() => expect(seen).toEqual(["a=1", "-a"]));
  expect(await watch()).toEqual([]);
});

test("hands over everything once where many keys change while the watch starts", async () => {
  await openBucket();
  const writes = Array.from({ length: 200 }, (_, index) => kv.put(`k${index}`, index));
  const seen = await watch();
  await Promise.all(writes);
  await eventually(() => expect(seen).toHaveLength(200));
  expect(new Set(seen).size).toBe(200);
});

test("hands over nothing after the signal was aborted", async () => {
  await openBucket();
  const seen = await watch();
  watching.abort();
  watching = new AbortController();
  const other = await watch();
  await kv.put("a", 1);
  await eventually(() => expect(other).toEqual(["a=1"]));
  expect(seen).toEqual([]);
});

test("resolves a watch whose signal is aborted already", async () => {
  await openBucket();
  await kv.put("a", 1);
  const seen: string[] = [];
  await kv.watch((change) => seen.push(describeChange(change)), AbortSignal.abort());
  expect(seen).toEqual([]);
});

test("rejects a watch of a bucket that is gone", async () => {
  await openBucket();
  await (await new Kvm(jetstream(nats.connection)).open(bucket)).destroy();
  await expect(watch()).rejects.toThrow();
});

test("goes on after nats-server was killed, with what changed meanwhile and nothing twice", async () => {
  await openBucket();
  await kv.put("kept", 1);
  await kv.put("changed", 1);
  await kv.put("deleted", 1);
  const seen = await watch();
  expect(seen).toHaveLength(3);
  await server.kill9();
  // Another client may be back before the watch is.
  const other = await eventually(() => connectNats({ url: server.url, name: "other" }));
  const otherKv = await eventually(() => openKv(other, { bucket }, numbers));
  await otherKv.put("changed", 2);
  await otherKv.delete("deleted");
  await otherKv.put("added", 1);
  await eventually(() => expect(seen.slice(3).sort()).toEqual(["-deleted", "added=1", "changed=2"]));
  await otherKv.put("changed", 3);
  await eventually(() => expect(seen.slice(6)).toEqual(["changed=3"]));
  await other.close();
});

test("tells of keys that vanished without a marker while NATS was away", async () => {
  await openBucket();
  await kv.put("a", 1);
  await kv.put("b", 1);
  const seen = await watch();
  // Purged, a message leaves nothing behind that a watch could read later.
  await (await new Kvm(jetstream(nats.connection)).open(bucket)).destroy();
  await openKv(nats, { bucket }, numbers);
  await kv.put("b", 1);
  await server.kill9();
  await eventually(() => expect(seen.slice(2).sort()).toEqual(["-a", "b=1"]));
});

test("does not read a value over the bound; the others go on", async () => {
  await openBucket();
  await kv.put("a", 1);
  const seen = await watch();
  await putText("a", "2".padEnd(4_000_001));
  await kv.put("b", 1);
  await eventually(() => expect(seen).toEqual(["a=1", "a!", "b=1"]));
  const error = { message: expect.stringContaining("it has 4000001 bytes; at most 4000000 are read") };
  expect(await kv.get("a")).toMatchObject({ ok: false, error });
  expect(await kv.list()).toMatchObject([
    { key: "a", ok: false, error },
    { key: "b", ok: true },
  ]);
});

test("lists many keys, large values and what a bucket keeps of older ones, and leaves no consumer behind", async () => {
  await openBucket();
  const keys = Array.from({ length: 700 }, (_, index) => `group${index % 2}.k${index}`);
  for (const key of keys) await kv.put(key, 1);
  await putText("group0.k0", "2".padEnd(3_000_000));
  await putText("group0.k2", "3".padEnd(3_000_000));
  const before = await countConsumers(nats);
  const all = await kv.list();
  expect(all.map(({ key }) => key).sort()).toEqual(keys.sort());
  expect(all.slice(-2)).toMatchObject([{ value: 2 }, { value: 3 }]);
  expect(await kv.list("group1.*")).toHaveLength(350);
  expect(await countConsumers(nats)).toEqual(before);
});

test("lists the last value of each key where somebody else made the bucket, without direct reads and with history", async () => {
  bucket = `numbers-${++buckets}`;
  await new Kvm(jetstream(nats.connection)).create(bucket, { history: 5, allow_direct: false });
  kv = await openKv(nats, { bucket }, numbers);
  for (const value of [1, 2, 3]) await kv.put("a", value);
  await kv.put("b", 1);
  await kv.delete("b");
  await kv.put("c", 7);
  const found = (await kv.list()).map((read) => read.ok && [read.key, read.value]);
  expect(found.sort()).toEqual([
    ["a", 3],
    ["c", 7],
  ]);
});

test("ends a watch's consumer with the watch, and begins anew where the server lost it", async () => {
  await openBucket();
  await kv.put("a", 1);
  const before = await countConsumers(nats);
  const seen = await watch();
  const manager = await jetstreamManager(nats.connection);
  const stream = `KV_${bucket}`;
  const [first] = await manager.consumers.list(stream).next();
  await manager.consumers.delete(stream, first?.name ?? "");
  await kv.put("a", 2);
  await kv.put("b", 1);
  await eventually(() => expect(seen).toEqual(["a=1", "a=2", "b=1"]), { timeoutMs: 4_000 });
  watching.abort();
  await eventually(async () => expect(await countConsumers(nats)).toEqual(before));
});
