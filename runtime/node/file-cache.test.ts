/** The files of programs on a node: fetched piece by piece, gone on with, compared, bounded. */
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, it } from "vitest";
import { sha256Hex } from "../../machine/index.ts";
import { type Chunk, connectNats, openByteObjects } from "../../nats/index.ts";
import { startTestNats } from "../../test/harness/nats.ts";
import { canMountDisk, mountSmallDisk, type SmallDisk } from "../../test/harness/small-disk.ts";
import { type FileSource, openFileCache } from "./file-cache.ts";

const CHUNK = 128 * 1024;

const server = await startTestNats();
const nats = await connectNats({ url: server.url, name: "test" });
const store = openByteObjects(nats, "files");
afterAll(async () => {
  await nats.close();
  await server.close();
});
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "narun-test-files-"));
  return () => rm(folder, { recursive: true });
});

async function* once(bytes: Uint8Array) {
  yield bytes;
}

/** A stored object of so many chunks, and a count of the chunks that were read. `breaksAfter`: reads break off behind as many. */
async function stored(object: string, chunks: number) {
  const bytes = randomBytes(chunks * CHUNK - 1);
  const { version, size } = await store.put(object, once(bytes));
  const read = { count: 0, breaksAfter: Number.POSITIVE_INFINITY };
  async function* counted(all: AsyncIterable<Chunk>): AsyncGenerator<Chunk, void> {
    let count = 0;
    for await (const chunk of all) {
      if (count++ === read.breaksAfter) throw new Error("the connection broke");
      read.count += 1;
      yield chunk;
    }
  }
  const source: FileSource = {
    ...{ object, version, size, sha256: sha256Hex(bytes) },
    store: {
      async chunks(...wanted) {
        const all = await store.chunks(...wanted);
        return all && counted(all);
      },
    },
  };
  return { bytes, source, read };
}

const contentsOf = async (source: FileSource, options: { maxBytes?: number } = {}) => {
  const kept = await (await openFileCache({ folder, ...options })).get(source);
  await kept.copyTo(join(folder, "..", `${source.sha256}.copy`));
  const bytes = await readFile(join(folder, "..", `${source.sha256}.copy`));
  await rm(join(folder, "..", `${source.sha256}.copy`));
  return bytes;
};

it("are fetched once, also by several starts and runners", async () => {
  const { bytes, source, read } = await stored("once", 3);
  const cache = await openFileCache({ folder });
  const [kept] = await Promise.all([cache.get(source), cache.get(source)]);
  expect(Buffer.from((await kept?.head(10)) ?? [])).toEqual(bytes.subarray(0, 10));
  expect(await contentsOf(source)).toEqual(bytes);
  expect(read.count).toBe(3);
});

it("go on where a fetch broke off", async () => {
  const { bytes, source, read } = await stored("broken", 6);
  read.breaksAfter = 2;
  await expect(contentsOf(source)).rejects.toThrow("broke");
  await expect(contentsOf(source)).rejects.toThrow("broke");
  read.breaksAfter = Number.POSITIVE_INFINITY;
  expect(await contentsOf(source)).toEqual(bytes);
  expect(read.count).toBe(6);
  expect(await readdir(folder)).toEqual([source.sha256]);
});

it("go on where a runner that is dead stopped, from its last note", async () => {
  const { bytes, source, read } = await stored("killed", 6);
  read.breaksAfter = 4;
  await expect(contentsOf(source)).rejects.toThrow("broke");
  for (const name of await readdir(folder))
    await rename(join(folder, name), join(folder, name.replace(/\.\d+-\d*\.part/, ".4194305-1.part")));
  // Bytes that came behind the note are not trusted.
  const part = join(folder, `${source.sha256}.4194305-1.part`);
  await writeFile(part, Buffer.concat([await readFile(part), randomBytes(100)]));
  read.breaksAfter = Number.POSITIVE_INFINITY;
  expect(await contentsOf(source)).toEqual(bytes);
  expect(read.count).toBe(6);
});

it("begin anew where the object was replaced, and are refused where their digest is another", async () => {
  const first = await stored("changed", 4);
  first.read.breaksAfter = 2;
  await expect(contentsOf(first.source)).rejects.toThrow("broke");
  const { version } = await store.put("changed", once(first.bytes));
  expect(await contentsOf({ ...first.source, store, version })).toEqual(first.bytes);
  const second = await stored("other", 1);
  const wrong = { ...second.source, sha256: "0".repeat(64) };
  await expect(contentsOf(wrong)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  expect(await readdir(folder)).toEqual([first.source.sha256]);
});

it("are fetched again where the copy on disk was damaged, or went", async () => {
  const { bytes, source, read } = await stored("damaged", 1);
  const cache = await openFileCache({ folder });
  const kept = await cache.get(source);
  await writeFile(join(folder, source.sha256), "damaged");
  expect(await contentsOf(source)).toEqual(bytes);
  await rm(join(folder, source.sha256));
  expect(Buffer.from(await kept.head(8))).toEqual(bytes.subarray(0, 8));
  expect(read.count).toBe(3);
});

it("are refused where the disk takes a part of a write, and leave nothing of it", async (test) => {
  if (!(await canMountDisk())) return test.skip("it takes root to mount a disk");
  await using disk = await mountSmallDisk(1);
  const { bytes, source, read } = await stored("large", 12);
  // Chunk 8 fits in part. Before the next one there is room.
  await writeFile(join(disk.dir, "other"), randomBytes(CHUNK / 2));
  const all = source.store.chunks;
  source.store.chunks = async (...wanted) => {
    const chunks = await all(...wanted);
    return chunks && roomBefore(9, disk, chunks);
  };
  const cache = await openFileCache({ folder: join(disk.dir, "files") });
  await expect(cache.get(source)).rejects.toMatchObject({ code: "NODE_DISK_FULL" });
  expect(read.count).toBe(8);
  expect(await readdir(join(disk.dir, "files"))).toEqual([]);
  disk.resize(4);
  await cache.get(source);
  expect(await readFile(join(disk.dir, "files", source.sha256))).toEqual(bytes);
});

async function* roomBefore(number: number, disk: SmallDisk, chunks: AsyncIterable<Chunk>) {
  let at = 0;
  for await (const chunk of chunks) {
    if (++at === number) disk.resize(4);
    yield chunk;
  }
}

it("leave the disk by their last use", async () => {
  const all = [await stored("a", 2), await stored("b", 2), await stored("c", 2)];
  const cache = await openFileCache({ folder, maxBytes: 5 * CHUNK });
  const [a, b, c] = all.map(({ source }) => source);
  if (a === undefined || b === undefined || c === undefined) throw new Error("three are stored");
  for (const source of [a, b, a, c]) await cache.get(source);
  expect((await readdir(folder)).sort()).toEqual([a.sha256, c.sha256].sort());
});
