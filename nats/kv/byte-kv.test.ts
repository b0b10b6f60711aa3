import { jetstreamManager } from "@nats-io/jetstream";
import { Kvm, type KvOptions } from "@nats-io/kv";
import { afterAll, describe, expect, it } from "vitest";
import { startConfiguredNats } from "../../test/harness/configured-nats.ts";
import { countConsumers } from "../../test/harness/consumers.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats } from "../../test/harness/nats.ts";
import { connectNats } from "../connection.ts";
import type { ByteKvChange } from "./byte-entry.ts";
import { type ByteKv, openByteKv } from "./byte-kv.ts";

const server = await startTestNats();
const nats = await connectNats({ url: server.url, name: "test" });
afterAll(async () => {
  await nats.close();
  await server.close();
});

let buckets = 0;
const newBucket = (): ByteKv => openByteKv(nats, `bucket-${++buckets}`);
/** A bucket that another program has made. */
async function foreignBucket(options: Partial<KvOptions>): Promise<ByteKv> {
  await new Kvm(nats.connection).create(`bucket-${++buckets}`, options);
  return openByteKv(nats, `bucket-${buckets}`);
}
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined) => value && new TextDecoder().decode(value);

/** Puts that are expected to succeed; the revisions. */
async function put(kv: ByteKv, ...keys: string[]): Promise<number[]> {
  const revisions: number[] = [];
  for (const key of keys) {
    const written = await kv.put(key, bytes(`value of ${key}`));
    if (!written.ok) throw new Error(written.why);
    revisions.push(written.revision);
  }
  return revisions;
}

async function allKeys(kv: ByteKv, prefix = "", limit = 1_000): Promise<string[][]> {
  const pages: string[][] = [];
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page = await kv.list({ prefix, limit, after });
    pages.push(page.keys.map(({ key }) => key));
    after = page.next;
  }
  return pages;
}

describe("a key", () => {
  it("is read as it was written, whatever its name and bytes", async () => {
    const kv = newBucket();
    const value = Uint8Array.from({ length: 256 }, (_, index) => index);
    const written = await kv.put("ä: b.", value);
    const entry = await kv.get("ä: b.");
    expect({ ...entry, bytes: [...(entry?.bytes ?? [])] }).toEqual({
      bytes: [...value],
      revision: written.ok && written.revision,
      createdAt: expect.any(Date),
    });
    expect(await kv.get("other")).toBeUndefined();
  });

  it("is gone after it was deleted, and can be made again", async () => {
    const kv = newBucket();
    await put(kv, "a");
    expect(await kv.put("a", bytes("second"), { ifRevision: 0 })).toEqual({ ok: false, why: "conflict" });
    expect(await kv.delete("a")).toMatchObject({ ok: true });
    expect(await kv.get("a")).toBeUndefined();
    expect(await kv.put("a", bytes("third"), { ifRevision: 0 })).toMatchObject({ ok: true });
    expect(text((await kv.get("a"))?.bytes)).toBe("third");
  });

  it("is written and deleted only at the revision that is asked for", async () => {
    const kv = newBucket();
    const [first = 0, second = 0] = await put(kv, "a", "a");
    expect(await kv.put("a", bytes("x"), { ifRevision: first })).toEqual({ ok: false, why: "conflict" });
    expect(await kv.delete("a", { ifRevision: first })).toEqual({ ok: false, why: "conflict" });
    expect(await kv.put("a", bytes("x"), { ifRevision: second })).toMatchObject({ ok: true });
    expect(text((await kv.get("a"))?.bytes)).toBe("x");
  });

  it("ends when its time is over, and a watcher hears of it", async () => {
    const kv = newBucket();
    await using watch = startWatch(kv);
    await kv.put("short", bytes("x"), { ttlSeconds: 1 });
    await put(kv, "long");
    await watch.has((changes) => expect(changes.at(-1)).toMatchObject({ kind: "delete", key: "short" }));
    expect(await kv.get("short")).toBeUndefined();
    expect(await allKeys(kv)).toEqual([["long"]]);
  });

  it("ends when its time is over also where the bucket keeps older values, which do not come back", async () => {
    const kv = await foreignBucket({ history: 5, markerTTL: 1_000 });
    await using watch = startWatch(kv);
    await put(kv, "a", "a");
    const [, second = 0] = await put(kv, "b", "b");
    expect(await kv.put("a", bytes("x"), { ttlSeconds: 1 })).toMatchObject({ ok: true });
    await kv.put("b", bytes("x"), { ttlSeconds: 1, ifRevision: second });
    await watch.has((changes) =>
      expect(
        changes
          .filter(({ kind }) => kind === "delete")
          .map(({ key }) => key)
          .sort(),
      ).toEqual(["a", "b"]),
    );
    expect(await kv.get("a")).toBeUndefined();
    expect(await allKeys(kv)).toEqual([[]]);
  });

  it("is not written where the bucket lets it end only later", async () => {
    const kv = await foreignBucket({ history: 5, markerTTL: 60_000 });
    await put(kv, "a");
    const short = await kv.put("a", bytes("x"), { ttlSeconds: 59 });
    expect(short).toEqual({ ok: false, why: "ttl-too-short", leastSeconds: 60 });
    expect(text((await kv.get("a"))?.bytes)).toBe("value of a");
    expect(await kv.put("a", bytes("x"), { ttlSeconds: 60 })).toMatchObject({ ok: true });
  });

  it("that is deleted stays so when its marker ends, also where the bucket keeps older values", async () => {
    const kv = await foreignBucket({ history: 5, markerTTL: 60_000 });
    await put(kv, "a", "a");
    await kv.delete("a");
    const manager = await jetstreamManager(nats.connection);
    expect((await manager.streams.info(`KV_bucket-${buckets}`)).state.messages).toBe(1);
  });

  it("holds as much as one message carries", async () => {
    const kv = newBucket();
    const value = new Uint8Array(kv.maxBytes).fill(7);
    await kv.put("big", value);
    expect((await kv.get("big"))?.bytes.byteLength).toBe(value.byteLength);
  });
});

describe("a list", () => {
  it("has the keys with a prefix, by pages", async () => {
    const kv = newBucket();
    await put(kv, "user.1", "user.2", "user.", "userx", "other", "user.3", "users/4");
    await kv.delete("user.2");
    expect(await allKeys(kv, "user.")).toEqual([["user.1", "user.", "user.3"]]);
    expect(await allKeys(kv, "user", 2)).toEqual([["user.1", "user."], ["userx", "user.3"], ["users/4"]]);
    expect(await allKeys(kv, "nothing")).toEqual([[]]);
    expect(await allKeys(newBucket())).toEqual([[]]);
  });

  it("goes over more keys than come at a time", async () => {
    const kv = newBucket();
    const keys = Array.from({ length: 700 }, (_, index) => `key-${index}`);
    await Promise.all(keys.map((key) => put(kv, key)));
    const pages = await allKeys(kv, "", 300);
    expect(pages.map(({ length }) => length)).toEqual([300, 300, 100]);
    expect(pages.flat().sort()).toEqual(keys.sort());
  });
});

describe("lists of one bucket", () => {
  it("are as many as anybody likes, and leave no consumer behind", async () => {
    const kv = newBucket();
    await put(kv, "a", "b");
    const before = await countConsumers(nats);
    const pages = await Promise.all(Array.from({ length: 1_200 }, () => allKeys(kv)));
    expect(new Set(pages.map((page) => page.flat().join()))).toEqual(new Set(["a,b"]));
    expect(await countConsumers(nats)).toEqual(before);
  });

  it("wait for one another where the bucket may have few consumers", async () => {
    const manager = await jetstreamManager(nats.connection);
    const bucket = `bucket-${++buckets}`;
    const subjects = [`$KV.${bucket}.>`];
    await manager.streams.add({ name: `KV_${bucket}`, subjects, max_consumers: 2, allow_direct: true });
    const handles = Array.from({ length: 12 }, () => openByteKv(nats, bucket));
    expect(await Promise.all(handles.map((handle) => allKeys(handle)))).toEqual(handles.map(() => [[]]));
  });
});

describe("a watch", () => {
  it("gives what is there, then every change", async () => {
    const kv = newBucket();
    await put(kv, "a", "gone", "b");
    await kv.delete("gone");
    await using watch = startWatch(kv);
    await watch.has((changes) => expect(changes).toHaveLength(2));
    await put(kv, "c");
    await kv.delete("a");
    await watch.has((changes) =>
      expect(changes.map(({ kind, key }) => `${kind} ${key}`)).toEqual([
        "put a",
        "put b",
        "put c",
        "delete a",
      ]),
    );
  });

  it("gives only what changes, of only one prefix, where that is asked for", async () => {
    const kv = newBucket();
    await put(kv, "a.1");
    await using watch = startWatch(kv, { prefix: "a.", withPresent: false });
    // It does not report its beginning: earlier writes are not seen.
    await eventually(async () => {
      await put(kv, "b", "a.2");
      expect(watch.changes).not.toHaveLength(0);
    });
    expect(new Set(watch.changes.map(({ key }) => key))).toEqual(new Set(["a.2"]));
  });

  it("goes on after the server was killed", async () => {
    const kv = newBucket();
    await put(kv, "before");
    await using watch = startWatch(kv);
    await watch.has((changes) => expect(changes).toHaveLength(1));
    await server.kill9();
    await eventually(() => put(kv, "after"));
    await watch.has((changes) => expect(changes.at(-1)?.key).toBe("after"));
    expect(watch.changes.filter(({ key }) => key === "before")).toHaveLength(1);
  });
});

describe("a direct read", () => {
  it("has the revision of the server, whatever fields the writer gave the message", async () => {
    const kv = newBucket();
    await put(kv, "a");
    const headers = new Map([["Nats-Sequence", ["99"]]]);
    await nats.request(`$KV.bucket-${buckets}.a`, "forged", { timeoutMs: 2_000, headers });
    expect(await kv.get("a")).toMatchObject({ revision: 2, bytes: Buffer.from("forged") });
  });

  it("finds the bucket that was deleted since", async () => {
    const kv = newBucket();
    await put(kv, "a");
    expect(await kv.get("a")).toBeDefined();
    await nats.request(`$JS.API.STREAM.DELETE.KV_bucket-${buckets}`, "", { timeoutMs: 2_000 });
    expect(await kv.get("a")).toBeUndefined();
    await put(kv, "a");
    expect(await kv.get("a")).toMatchObject({ revision: 1 });
  });

  it("is not permitted to every login, which the error says", async () => {
    await using closed = await startConfiguredNats(
      `authorization { users: [{ user: "ann", password: "word", permissions: { publish: { deny: "$JS.API.DIRECT.GET.>" } } }] }`,
    );
    const other = await connectNats({
      url: `ann:word@${closed.host}`,
      name: "test",
      onRefused: () => undefined,
    });
    const kv = openByteKv(other, "refused");
    await put(kv, "a");
    await expect(kv.get("a")).rejects.toThrow(/Permissions Violation for Publish/);
    await other.close();
  });

  it("is none where the bucket has none", async () => {
    const kv = await foreignBucket({ allow_direct: false });
    await put(kv, "a");
    expect(text((await kv.get("a"))?.bytes)).toBe("value of a");
    expect(await kv.get("b")).toBeUndefined();
  });
});

it("a bucket that was deleted is made again", async () => {
  const kv = newBucket();
  await put(kv, "a");
  await nats.request(`$JS.API.STREAM.DELETE.KV_bucket-${buckets}`, "", { timeoutMs: 2_000 });
  await put(kv, "b");
  expect(await allKeys(kv)).toEqual([["b"]]);
});

interface Watch extends AsyncDisposable {
  changes: ByteKvChange[];
  has(check: (changes: ByteKvChange[]) => void): Promise<void>;
}

function startWatch(kv: ByteKv, options: { prefix?: string; withPresent?: boolean } = {}): Watch {
  const ending = new AbortController();
  const changes: ByteKvChange[] = [];
  const run = (async () => {
    const watch = kv.watch({ prefix: "", withPresent: true, ...options, signal: ending.signal });
    for await (const change of watch) changes.push(change);
  })();
  return {
    changes,
    has: (check) => eventually(() => check(changes)),
    async [Symbol.asyncDispose]() {
      ending.abort();
      await run;
    },
  };
}
