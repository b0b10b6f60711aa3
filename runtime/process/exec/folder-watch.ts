/**
 * Looks at intervals how much a program keeps in its folder.
 *
 * I1  Looking takes at most a twentieth of the time: a large folder is looked at less often.
 * I2  A folder that does not change is looked at less and less often.
 * I3  A look ends as soon as the bound is passed.
 */
import { chmod, lstat, opendir } from "node:fs/promises";
import { join } from "node:path";

export interface FolderWatchOptions {
  root: string;
  maxBytes: number;
  /** Called once. */
  onOver(): void;
}

const MIN_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 8_000;
/** How much longer a pause is than the look before it. */
const PAUSE_PER_LOOK = 20;
/** The least that a file or a folder counts: each takes a place on the disk. */
const MIN_ENTRY_BYTES = 4_096;
const BLOCK_BYTES = 512;

/** Begins to look. Files that are there now do not count. Returns a function that ends it. */
export function watchFolder({ root, maxBytes, onOver }: FolderWatchOptions): () => void {
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  let pauseMs = MIN_PAUSE_MS;
  let [ownBytes, lastBytes] = [0, 0];
  const look = async () => {
    const startedAtMs = performance.now();
    const bytes = await bytesIn(root, ownBytes + maxBytes);
    if (isOver) return;
    if (bytes > ownBytes + maxBytes) return onOver();
    pauseMs = bytes === lastBytes ? Math.min(2 * pauseMs, MAX_PAUSE_MS) : MIN_PAUSE_MS;
    lastBytes = bytes;
    const lookMs = performance.now() - startedAtMs;
    timer = setTimeout(look, Math.max(pauseMs, PAUSE_PER_LOOK * lookMs)).unref();
  };
  void bytesIn(root, Number.POSITIVE_INFINITY).then((bytes) => {
    ownBytes = bytes;
    lastBytes = bytes;
    if (!isOver) timer = setTimeout(look, MIN_PAUSE_MS).unref();
  });
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}

/** The bytes on disk of all that is below a folder; a sum over `enough` where it is more. */
async function bytesIn(folder: string, enough: number): Promise<number> {
  const folders = [folder];
  let sum = 0;
  for (let next = folders.pop(); next !== undefined && sum <= enough; next = folders.pop()) {
    for await (const entry of entriesOf(next)) {
      const path = join(next, entry.name);
      const facts = await lstat(path).catch(() => undefined);
      sum += Math.max(MIN_ENTRY_BYTES, (facts?.blocks ?? 0) * BLOCK_BYTES);
      if (sum > enough) return sum;
      if (entry.isDirectory()) folders.push(path);
    }
  }
  return sum;
}

async function* entriesOf(folder: string) {
  try {
    yield* await opendir(folder).catch(async () => {
      // A folder that its owner may not read hides nothing.
      await chmod(folder, 0o700);
      return opendir(folder);
    });
  } catch {
    // It went meanwhile.
  }
}
