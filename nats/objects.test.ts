import { expect, test } from "vitest";
import { startTestNats } from "../test/harness/nats.ts";
import { connectNats } from "./connection.ts";
import { openContentStore, sha256Hex } from "./objects.ts";

async function openTestStore() {
  const server = await startTestNats();
  const nats = await connectNats({ url: server.url, name: "test" });
  return {
    nats,
    store: await openContentStore(nats, "files"),
    async [Symbol.asyncDispose]() {
      await nats.close();
      await server.close();
    },
  };
}

test("what is put is read back, in one chunk, in many, or in none", async () => {
  await using world = await openTestStore();
  for (const size of [0, 1, 128 * 1024, 1_000_001]) {
    const bytes = Buffer.alloc(size, "abcdefghijk");
    const digest = sha256Hex(bytes);
    expect(await world.store.put(digest, bytes)).toBe(true);
    expect(await world.store.put(digest, bytes)).toBe(false);
    expect(Buffer.compare(await world.store.get(digest), bytes)).toBe(0);
  }
});

test("what was deleted, or never put, is missing; it can be put again", async () => {
  await using world = await openTestStore();
  const bytes = Buffer.from("hello");
  const digest = sha256Hex(bytes);
  await world.store.delete(digest);
  await world.store.put(digest, bytes);
  await world.store.delete(digest);
  await world.store.delete(digest);
  expect(await world.store.has(digest)).toBe(false);
  await expect(world.store.get(digest)).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
  expect(await world.store.put(digest, bytes)).toBe(true);
  expect(await world.store.get(digest)).toEqual(bytes);
});

test("bytes that are not what the digest says are refused, and replaced only on demand", async () => {
  await using world = await openTestStore();
  const bytes = Buffer.from("hello");
  const digest = sha256Hex(bytes);
  await world.store.put(digest, Buffer.from("other"), { replace: true });
  await expect(world.store.get(digest)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  expect(await world.store.put(digest, bytes)).toBe(true);
  expect(await world.store.get(digest)).toEqual(bytes);
});

test("a file whose chunks are lost is refused at once, and repaired by force", async () => {
  await using world = await openTestStore();
  const bytes = Buffer.alloc(300_000, "x");
  const digest = sha256Hex(bytes);
  await world.store.put(digest, bytes);
  const filter = JSON.stringify({ filter: "$O.files.C.>", keep: 1 });
  await world.nats.request("$JS.API.STREAM.PURGE.OBJ_files", filter, { timeoutMs: 5_000 });
  expect(await world.store.put(digest, bytes)).toBe(false);
  await expect(world.store.get(digest)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  expect(await world.store.put(digest, bytes, { replace: true })).toBe(true);
  expect(await world.store.get(digest)).toEqual(bytes);
});
