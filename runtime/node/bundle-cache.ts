/**
 * The bundles and source maps that a node keeps: in memory, on disk, or out of the object store.
 *
 * I1  Bytes are handed out only after their SHA-256 was compared with the requested one, from every source.
 * I2  A damaged file on disk is deleted and fetched again.
 * I3  The folder stays under its bound: the least recently used files go first.
 */

import { mkdir, readdir, readFile, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { MIB, NarunError } from "../../contracts/index.ts";
import { sha256Hex, writeWhole } from "../../machine/index.ts";
import type { ContentStore } from "../../nats/index.ts";

export interface BundleCache {
  /** Errors: OBJECT_NOT_FOUND, DIGEST_MISMATCH. */
  /** `fetch` gets bytes that are not in the store under their digest. */
  get(sha256: string, fetch?: () => Promise<Uint8Array>): Promise<Uint8Array>;
}

export interface BundleCacheOptions {
  folder: string;
  store: ContentStore;
  /** Default 512 MiB. */
  maxDiskBytes?: number;
  /** Default 64 MiB. */
  maxMemoryBytes?: number;
}

export async function openBundleCache(options: BundleCacheOptions): Promise<BundleCache> {
  const { folder, store, maxDiskBytes = 512 * MIB, maxMemoryBytes = 64 * MIB } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const memory = createMemory(maxMemoryBytes);
  const disk = createDiskBound(folder, maxDiskBytes);
  const fetching = new Map<string, Promise<Uint8Array>>();

  const fromDisk = async (sha256: string): Promise<Uint8Array | undefined> => {
    const file = join(folder, sha256);
    const bytes = await readFile(file).catch(() => undefined);
    if (bytes === undefined) return undefined;
    if (sha256Hex(bytes) === sha256) {
      const now = new Date();
      // Only the order of eviction depends on the time of use.
      await utimes(file, now, now).catch(() => undefined);
      return bytes;
    }
    await rm(file, { force: true });
    return undefined;
  };

  const fetchOnce = async (sha256: string, fetch: () => Promise<Uint8Array>): Promise<Uint8Array> => {
    const bytes = (await fromDisk(sha256)) ?? (await download(sha256, fetch));
    memory.put(sha256, bytes);
    return bytes;
  };

  const keep = async (sha256: string, bytes: Uint8Array): Promise<void> => {
    await writeWhole(join(folder, sha256), bytes);
    await disk.note(bytes.byteLength);
  };

  const download = async (sha256: string, fetch: () => Promise<Uint8Array>): Promise<Uint8Array> => {
    const bytes = await fetch();
    const actual = sha256Hex(bytes);
    if (actual !== sha256)
      throw new NarunError("DIGEST_MISMATCH", { detail: `expected ${sha256}, found ${actual}`, sha256 });
    // A full disk costs the copy, not the start: the bytes are here.
    await keep(sha256, bytes).catch(() => undefined);
    return bytes;
  };

  return {
    async get(sha256, fetch = () => store.get(sha256)) {
      const kept = memory.get(sha256);
      if (kept !== undefined) return kept;
      const underWay =
        fetching.get(sha256) ?? fetchOnce(sha256, fetch).finally(() => fetching.delete(sha256));
      fetching.set(sha256, underWay);
      return underWay;
    },
  };
}

/** Least recently used bytes, bounded. A map keeps the order of insertion: used bytes move to its end. */
function createMemory(maxBytes: number) {
  const entries = new Map<string, Uint8Array>();
  let total = 0;
  return {
    get(key: string): Uint8Array | undefined {
      const bytes = entries.get(key);
      if (bytes === undefined) return undefined;
      entries.delete(key);
      entries.set(key, bytes);
      return bytes;
    },
    put(key: string, bytes: Uint8Array) {
      if (bytes.byteLength > maxBytes || entries.has(key)) return;
      entries.set(key, bytes);
      total += bytes.byteLength;
      for (const [oldest, value] of entries) {
        if (total <= maxBytes) return;
        entries.delete(oldest);
        total -= value.byteLength;
      }
    },
  };
}

/** Upper bound of the bytes written before the folder is read again, as a part of its bound: another runner may write to it too. */
const UNSEEN_PART = 1 / 16;

/** Keeps a folder under its bound. Reading the folder costs time for each of its files, so one reading serves many writes. */
function createDiskBound(folder: string, maxBytes: number) {
  let room = 0;
  return {
    async note(bytes: number): Promise<void> {
      room -= bytes;
      if (room >= 0) return;
      const total = await evict(folder, maxBytes);
      room = Math.min(maxBytes - total, maxBytes * UNSEEN_PART);
    },
  };
}

/** Deletes the files that were used longest ago until the folder is under its bound; returns the bytes that are left. */
async function evict(folder: string, maxBytes: number): Promise<number> {
  const names = await readdir(folder);
  const files = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      const facts = await stat(path).catch(() => undefined);
      return { path, size: facts?.size ?? 0, usedAt: facts?.mtimeMs ?? 0 };
    }),
  );
  let total = files.reduce((sum, { size }) => sum + size, 0);
  for (const { path, size } of files.sort((a, b) => a.usedAt - b.usedAt)) {
    if (total <= maxBytes) break;
    await rm(path, { force: true });
    total -= size;
  }
  return total;
}
