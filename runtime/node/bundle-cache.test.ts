import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sha256Hex } from "../../machine/index.ts";
import { type ContentStore, connectNats, type Nats, openBinaries } from "../../nats/index.ts";
import { startTestNats, type TestNats } from "../../test/harness/nats.ts";
import { openBundleCache } from "./bundle-cache.ts";

let server: TestNats;
let nats: Nats;
let store: ContentStore;
let folder: string;

beforeAll(async () => {
  server = await startTestNats();
  nats = await connectNats({ url: server.url, name: "bundle cache test" });
  store = await openBinaries(nats);
});
afterAll(async () => {
  await nats.close();
  await server.close();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "narun-test-cache-"));
  return () => rm(folder, { recursive: true });
});

async function stored(text: string) {
  const bytes = new TextEncoder().encode(text);
  const sha256 = sha256Hex(bytes);
  await store.put(sha256, bytes);
  return { bytes, sha256 };
}

/** A store that is away: an answer comes from the node itself. */
const absent: ContentStore = {
  has: () => Promise.reject(new Error("away")),
  put: () => Promise.reject(new Error("away")),
  get: () => Promise.reject(new Error("away")),
  delete: () => Promise.reject(new Error("away")),
};

describe("a node's bundles", () => {
  it("are fetched once, and kept over a restart", async () => {
    const { bytes, sha256 } = await stored("kept");
    const cache = await openBundleCache({ folder, store });
    expect(await Promise.all([cache.get(sha256), cache.get(sha256)])).toEqual(
      [bytes, bytes].map((b) => Buffer.from(b)),
    );
    const restarted = await openBundleCache({ folder, store: absent });
    expect(Buffer.from(await restarted.get(sha256))).toEqual(Buffer.from(bytes));
  });

  it("are fetched again where the file was damaged", async () => {
    const { bytes, sha256 } = await stored("sound");
    await (await openBundleCache({ folder, store })).get(sha256);
    await writeFile(join(folder, sha256), "damaged");
    const reopened = await openBundleCache({ folder, store });
    expect(Buffer.from(await reopened.get(sha256))).toEqual(Buffer.from(bytes));
  });

  it("are never handed out damaged", async () => {
    const sha256 = sha256Hex("what was pushed");
    await writeFile(join(folder, sha256), "something else");
    const cache = await openBundleCache({ folder, store });
    await expect(cache.get(sha256)).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
  });

  it("are handed out even where they cannot be kept", async () => {
    const { bytes, sha256 } = await stored("no room");
    const cache = await openBundleCache({ folder, store });
    await rm(folder, { recursive: true });
    expect(Buffer.from(await cache.get(sha256))).toEqual(Buffer.from(bytes));
    await mkdir(folder);
  });

  it("stay under their bound: the least recently used goes first", async () => {
    const files = await Promise.all(["a", "b", "c"].map((letter) => stored(letter.repeat(100))));
    const cache = await openBundleCache({ folder, store, maxDiskBytes: 250 });
    for (const [index, { sha256 }] of files.slice(0, 2).entries()) {
      await cache.get(sha256);
      await utimes(join(folder, sha256), index + 1, index + 1);
    }
    await cache.get(files[2]?.sha256 ?? "");
    expect((await readdir(folder)).sort()).toEqual([files[1]?.sha256, files[2]?.sha256].sort());
  });

  it("are not all read for each new one, yet files of other runners are noticed in time", async () => {
    const files = await Promise.all(["d", "e", "f"].map((letter) => stored(letter.repeat(100))));
    const [first, second, third] = files.map(({ sha256 }) => sha256);
    const cache = await openBundleCache({ folder, store, maxDiskBytes: 2_400 });
    await cache.get(first ?? "");
    await writeFile(join(folder, "another"), "x".repeat(2_400));
    await utimes(join(folder, "another"), 1, 1);
    await cache.get(second ?? "");
    expect((await readdir(folder)).sort()).toEqual(["another", first, second].sort());
    await cache.get(third ?? "");
    expect((await readdir(folder)).sort()).toEqual([first, second, third].sort());
  });
});
