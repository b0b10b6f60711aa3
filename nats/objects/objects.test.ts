import { randomBytes } from "node:crypto";
import { jetstream } from "@nats-io/jetstream";
import { Objm } from "@nats-io/obj";
import { afterAll, beforeAll, expect, test } from "vitest";
import { objectName } from "../../contracts/index.ts";
import { sha256Hex } from "../../machine/sha256.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats, type TestNats } from "../../test/harness/nats.ts";
import { connectNats, type Nats } from "../connection.ts";
import { type ContentStore, openContentStore } from "./objects.ts";

const STORE = "files";
let server: TestNats;
let nats: Nats;
let store: ContentStore;

beforeAll(async () => {
  server = await startTestNats();
  nats = await connectNats({ url: server.url, name: "test" });
  store = await openContentStore(nats, STORE);
});
afterAll(async () => {
  await nats.close();
  await server.close();
});

/** Stores bytes under the name of others, as a faulty or hostile client could. */
async function putUnderName(sha256: string, bytes: Uint8Array): Promise<void> {
  const raw = await new Objm(jetstream(nats.connection)).open(STORE);
  await raw.putBlob({ name: objectName(sha256) }, bytes);
}

test.each([0, 1, 128 * 1024, 3 * 1024 * 1024 + 7])("gives back the %i bytes that were put", async (size) => {
  const bytes = randomBytes(size);
  const sha256 = sha256Hex(bytes);
  expect(await store.has(sha256)).toBe(false);
  expect(await store.put(sha256, bytes)).toBe(true);
  expect(await store.has(sha256)).toBe(true);
  expect(sha256Hex(await store.get(sha256))).toBe(sha256);
});

test("stores equal bytes once", async () => {
  const bytes = randomBytes(100);
  expect(await store.put(sha256Hex(bytes), bytes)).toBe(true);
  expect(await store.put(sha256Hex(bytes), bytes)).toBe(false);
});

test("says OBJECT_NOT_FOUND of what is not there", async () => {
  await expect(store.get(sha256Hex("nothing"))).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
});

test("says DIGEST_MISMATCH of bytes that are not what their name says, and replaces them", async () => {
  const bytes = randomBytes(1_000);
  const sha256 = sha256Hex(bytes);
  await putUnderName(sha256, randomBytes(1_000));
  expect(await store.has(sha256)).toBe(false);
  await expect(store.get(sha256)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  expect(await store.put(sha256, bytes)).toBe(true);
  expect(sha256Hex(await store.get(sha256))).toBe(sha256);
});

test("says DIGEST_MISMATCH where a part of the bytes is lost, instead of waiting for it", async () => {
  const bytes = randomBytes(300_000);
  const sha256 = sha256Hex(bytes);
  await store.put(sha256, bytes);
  const raw = await new Objm(jetstream(nats.connection)).open(STORE);
  const info = await raw.info(objectName(sha256));
  const manager = await jetstream(nats.connection).jetstreamManager();
  await manager.streams.purge(`OBJ_${STORE}`, { filter: `$O.${STORE}.C.${info?.nuid}`, keep: 1 });
  await expect(store.get(sha256)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  // The store's own entry looks sound: only force replaces it.
  expect(await store.put(sha256, bytes)).toBe(false);
  expect(await store.put(sha256, bytes, { replace: true })).toBe(true);
  expect(sha256Hex(await store.get(sha256))).toBe(sha256);
});

test("what was deleted is missing, and can be stored again", async () => {
  const bytes = randomBytes(100);
  const sha256 = sha256Hex(bytes);
  await store.delete(sha256);
  await store.put(sha256, bytes);
  await store.delete(sha256);
  await store.delete(sha256);
  expect(await store.has(sha256)).toBe(false);
  await expect(store.get(sha256)).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
  expect(await store.put(sha256, bytes)).toBe(true);
  expect(sha256Hex(await store.get(sha256))).toBe(sha256);
});

test("keeps what was stored when nats-server is killed", async () => {
  const bytes = randomBytes(200_000);
  const sha256 = sha256Hex(bytes);
  await store.put(sha256, bytes);
  await server.kill9();
  const read = await eventually(() => store.get(sha256));
  expect(sha256Hex(read)).toBe(sha256);
});
