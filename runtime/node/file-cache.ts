/**
 * The files of programs that a node keeps on its disk, by their digest. They may be large: no file is in memory as a whole.
 *
 * I1  A file is used only after its SHA-256 was compared since this process began, and again where it was written since then.
 * I2  A fetch that broke off goes on where it stopped, in this process or in the next one (partial-file.ts).
 * I3  Where the disk is full the part of a fetch goes: the neighbours need its room more.
 * I4  The folder stays under its bound: the least recently used files go first. A file that went while it was needed is fetched
 *     again.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { constants, copyFile, mkdir, open, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { GIB, NarunError } from "../../contracts/index.ts";
import { errnoOf } from "../../machine/index.ts";
import type { ByteObjects } from "../../nats/index.ts";
import type { KeptFile } from "../host.ts";
import { createDiskBound } from "./disk-bound.ts";
import { PartialFile } from "./partial-file.ts";

/** A file of an object store. */
export interface FileSource {
  store: Pick<ByteObjects, "chunks">;
  object: string;
  /** The version of the object, as the store tells it. */
  version: string;
  sha256: string;
  size: number;
}

export interface FileCache {
  /** Errors: OBJECT_NOT_FOUND, DIGEST_MISMATCH, NODE_DISK_FULL. */
  get(source: FileSource): Promise<KeptFile>;
}

export interface FileCacheOptions {
  folder: string;
  /** Default 4 GiB. */
  maxBytes?: number;
}

const DEFAULT_MAX_BYTES = 4 * GIB;

export async function openFileCache({
  folder,
  maxBytes = DEFAULT_MAX_BYTES,
}: FileCacheOptions): Promise<FileCache> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const disk = createDiskBound(folder, maxBytes);
  /** The files that are whole, by their digest: how they were when that was found out. */
  const verified = new Map<string, string>();
  const underWay = new Map<string, Promise<string>>();
  let lastUseMs = 0;

  const ensure = async (source: FileSource): Promise<string> => {
    const path = join(folder, source.sha256);
    const isThere = await isWhole(path, source.sha256, verified);
    const size = isThere ? 0 : await fetchFile(folder, source, path);
    // Only the order of eviction depends on the time of use: no two uses have the same.
    lastUseMs = Math.max(Date.now(), lastUseMs + 1);
    const now = new Date(lastUseMs);
    await utimes(path, now, now).catch(() => undefined);
    // It may evict: the file has its time of use by then, as the clock of files is behind.
    if (!isThere) await disk.note(size);
    verified.set(source.sha256, await stateOf(path));
    return path;
  };
  const pathOf = (source: FileSource): Promise<string> => {
    const { sha256 } = source;
    const path = underWay.get(sha256) ?? ensure(source).finally(() => underWay.delete(sha256));
    underWay.set(sha256, path);
    return path;
  };
  /** Uses a file, and fetches it again where it was evicted meanwhile. */
  const use = async <T>(source: FileSource, work: (path: string) => Promise<T>): Promise<T> => {
    const path = await pathOf(source);
    try {
      return await work(path);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT" || (await stateOf(path)) !== GONE) throw error;
      return work(await pathOf(source));
    }
  };
  return {
    async get(source) {
      await pathOf(source);
      return {
        size: source.size,
        head: (bytes) => use(source, (path) => readHead(path, bytes)),
        copyTo: (target) => use(source, (path) => copyFile(path, target, constants.COPYFILE_FICLONE)),
      };
    },
  };
}

/** Fetches a file, or the rest of it; returns its size. */
async function fetchFile(folder: string, source: FileSource, path: string): Promise<number> {
  const { store, object, version, sha256 } = source;
  const part = await PartialFile.open(folder, sha256, version);
  try {
    const chunks = await store.chunks(object, version, part.position);
    if (chunks === undefined)
      throw new NarunError("OBJECT_NOT_FOUND", { detail: `${object} was replaced while it was read` });
    for await (const chunk of chunks) await part.write(chunk);
  } catch (error) {
    if (!isDiskFull(error)) {
      await part.leave();
      throw error;
    }
    await part.drop();
    throw new NarunError("NODE_DISK_FULL", { detail: `${object}, ${source.size} bytes` }, { cause: error });
  }
  const found = await part.finish();
  if (found.sha256 === sha256) {
    await rename(part.path, path);
    return found.size;
  }
  await rm(part.path, { force: true });
  throw new NarunError("DIGEST_MISMATCH", { detail: `expected ${sha256}, found ${found.sha256}`, sha256 });
}

const isDiskFull = (error: unknown) => ["ENOSPC", "EDQUOT"].includes(errnoOf(error) ?? "");

/** Whether the file is there and has its digest. A damaged file is deleted. */
async function isWhole(
  path: string,
  sha256: string,
  verified: ReadonlyMap<string, string>,
): Promise<boolean> {
  const state = await stateOf(path);
  if (state === GONE) return false;
  if (verified.get(sha256) === state) return true;
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  if (hash.digest("hex") === sha256) return true;
  await rm(path, { force: true });
  return false;
}

const GONE = "";

/** Changes with each write to the file. */
async function stateOf(path: string): Promise<string> {
  const facts = await stat(path, { bigint: true }).catch(() => undefined);
  return facts === undefined ? GONE : `${facts.ino} ${facts.size} ${facts.ctimeNs}`;
}

async function readHead(path: string, bytes: number): Promise<Uint8Array> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
  return buffer.subarray(0, bytesRead);
}
