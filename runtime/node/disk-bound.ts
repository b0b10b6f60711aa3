/** Keeps a folder of files under a bound: the least recently used go first. */
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/** Upper bound of the bytes written before the folder is read again, as a part of its bound: another runner may write to it too. */
const UNSEEN_PART = 1 / 16;

/** Keeps a folder under its bound. Reading the folder costs time for each of its files, so one reading serves many writes. */
export function createDiskBound(folder: string, maxBytes: number) {
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
