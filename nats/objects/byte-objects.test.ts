import { createHash, randomBytes } from "node:crypto";
import { afterAll, describe, expect, it } from "vitest";
import { startTestNats } from "../../test/harness/nats.ts";
import { connectNats } from "../connection.ts";
import { type ByteObjects, openByteObjects } from "./byte-objects.ts";

const server = await startTestNats();
const nats = await connectNats({ url: server.url, name: "test" });
afterAll(async () => {
  await nats.close();
  await server.close();
});

let stores = 0;
const newStore = (): ByteObjects => openByteObjects(nats, `store-${++stores}`);
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

async function* inPieces(bytes: Uint8Array, size = 100_000) {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

async function readAll(store: ByteObjects, name: string): Promise<Uint8Array | undefined> {
  const info = await store.info(name);
  const body = info && (await store.read(name, info.version));
  return body && Buffer.concat(await Array.fromAsync(body));
}

describe("an object", () => {
  it.each([0, 1, 128 * 1024, 3_000_001])("of %i bytes is read as it was written", async (size) => {
    const store = newStore();
    const bytes = randomBytes(size);
    const written = await store.put("a name/ä", inPieces(bytes), { metadata: { "content-type": "x/y" } });
    const facts = {
      name: "a name/ä",
      size,
      sha256: sha256(bytes),
      modifiedAt: expect.any(Date),
      metadata: { "content-type": "x/y" },
      version: expect.any(String),
    };
    expect(written).toEqual(facts);
    expect(await store.info("a name/ä")).toEqual(facts);
    expect(sha256((await readAll(store, "a name/ä")) ?? new Uint8Array())).toBe(facts.sha256);
  });

  it("stays as it was where its replacement breaks off", async () => {
    const store = newStore();
    await store.put("a", inPieces(Buffer.from("first")));
    async function* breaking() {
      yield randomBytes(300_000);
      throw new Error("gone");
    }
    await expect(store.put("a", breaking(), {})).rejects.toThrow("gone");
    expect(String(await readAll(store, "a"))).toBe("first");
  });

  it("that is replaced while it is read breaks", async () => {
    const store = newStore();
    const { version } = await store.put("a", inPieces(randomBytes(1_000_000)));
    const body = await store.read("a", version);
    await body?.next();
    await store.put("a", inPieces(Buffer.from("second")));
    await expect(Array.fromAsync(body ?? [])).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
    expect(await store.read("a", version)).toBeUndefined();
  });

  it("is gone after it was deleted", async () => {
    const store = newStore();
    await store.delete("never there");
    await store.put("a", inPieces(Buffer.from("x")));
    await store.delete("a");
    expect(await store.info("a")).toBeUndefined();
    expect(await store.list({ prefix: "", limit: 10, after: 0 })).toEqual({ objects: [], next: undefined });
  });
});

it("a list has the objects with a prefix, by pages", async () => {
  const store = newStore();
  for (const name of ["a/1", "b", "a/2", "a/3", "a/1"]) await store.put(name, inPieces(Buffer.from(name)));
  const first = await store.list({ prefix: "a/", limit: 2, after: 0 });
  expect(first.objects.map(({ name, size }) => [name, size])).toEqual([
    ["a/2", 3],
    ["a/3", 3],
  ]);
  const second = await store.list({ prefix: "a/", limit: 2, after: first.next ?? 0 });
  expect(second).toMatchObject({ objects: [{ name: "a/1" }], next: undefined });
});

it("a store that was deleted is made again", async () => {
  const store = newStore();
  await store.put("a", inPieces(Buffer.from("x")));
  await nats.request(`$JS.API.STREAM.DELETE.OBJ_store-${stores}`, "", { timeoutMs: 2_000 });
  expect(await store.info("a")).toBeUndefined();
  await store.put("b", inPieces(Buffer.from("y")));
  expect(String(await readAll(store, "b"))).toBe("y");
});
