/**
 * The bundles and source maps that a node keeps: in memory, on disk, or out of the object store.
 *
 * I1  Bytes are handed out only after their SHA-256 was compared with the requested one, from every source.
 * I2  A damaged file on disk is deleted and fetched again.
 * I3  The folder stays under its bound: the least recently used files go first.
 */

import { mkdir, readFile, rm, utimes } from "node:fs/promises";
import { join } from "node:path";
import { MIB } from "../../contracts/index.ts";
import { sha256Hex, writeWhole } from "../../machine/index.ts";
import type { ContentStore } from "../../nats/index.ts";
import { createDiskBound } from "./disk-bound.ts";

export interface BundleCache {
  /** Errors: OBJECT_NOT_FOUND, DIGEST_MISMATCH. */
  get(sha256: string): Promise<Uint8Array>;
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

  const fetchOnce = async (sha256: string): Promise<Uint8Array> => {
    const bytes = (await fromDisk(sha256)) ?? (await download(sha256));
    memory.put(sha256, bytes);
    return bytes;
  };

  const keep = async (sha256: string, bytes: Uint8Array): Promise<void> => {
    await writeWhole(join(folder, sha256), bytes);
    await disk.note(bytes.byteLength);
  };

  const download = async (sha256: string): Promise<Uint8Array> => {
    const bytes = await store.get(sha256);
    // A full disk costs the copy, not the start: the bytes are here.
    await keep(sha256, bytes).catch(() => undefined);
    return bytes;
  };

  return {
    async get(sha256) {
      const kept = memory.get(sha256);
      if (kept !== undefined) return kept;
      const underWay = fetching.get(sha256) ?? fetchOnce(sha256).finally(() => fetching.delete(sha256));
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
