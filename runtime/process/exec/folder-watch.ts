/**
 * Looks at intervals how much a program keeps in its folder.
 *
 * I1  Looking takes at most about a twentieth of a processor: a large folder is looked at less often. A machine that is busy with
 *     other things makes a look longer, and the pause behind it no longer than the folder is large.
 * I2  A folder that does not change is looked at less often, and once in `MAX_PAUSE_MS` at least where I1 permits it.
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
const MAX_PAUSE_MS = 5_000;
/** How much longer a pause is than the look before it. */
const PAUSE_PER_LOOK = 20;
/** Upper bound of that pause for each file: a look takes some 50 µs for one. */
const PAUSE_PER_ENTRY_MS = 1;
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
    const { bytes, entries } = await sumOf(root, ownBytes + maxBytes);
    if (isOver) return;
    if (bytes > ownBytes + maxBytes) return onOver();
    pauseMs = bytes === lastBytes ? Math.min(2 * pauseMs, MAX_PAUSE_MS) : MIN_PAUSE_MS;
    lastBytes = bytes;
    const lookMs = performance.now() - startedAtMs;
    timer = setTimeout(look, decidePause({ pauseMs, lookMs, entries })).unref();
  };
  void sumOf(root, Number.POSITIVE_INFINITY).then(({ bytes }) => {
    ownBytes = bytes;
    lastBytes = bytes;
    if (!isOver) timer = setTimeout(look, MIN_PAUSE_MS).unref();
  });
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}

/** How long until the next look. `pauseMs`: by the changes of the folder. `lookMs`, `entries`: of the last look. */
export function decidePause({
  pauseMs,
  lookMs,
  entries,
}: {
  pauseMs: number;
  lookMs: number;
  entries: number;
}): number {
  return Math.max(pauseMs, Math.min(PAUSE_PER_LOOK * lookMs, PAUSE_PER_ENTRY_MS * entries));
}

interface FolderSum {
  /** On disk. */
  bytes: number;
  /** Files and folders. */
  entries: number;
}

/** All that is below a folder; a part of it where that is more than `enough` bytes. */
async function sumOf(folder: string, enough: number): Promise<FolderSum> {
  const folders = [folder];
  const sum = { bytes: 0, entries: 0 };
  for (let next = folders.pop(); next !== undefined && sum.bytes <= enough; next = folders.pop()) {
    for await (const entry of entriesOf(next)) {
      const path = join(next, entry.name);
      const facts = await lstat(path).catch(() => undefined);
      sum.bytes += Math.max(MIN_ENTRY_BYTES, (facts?.blocks ?? 0) * BLOCK_BYTES);
      sum.entries += 1;
      if (sum.bytes > enough) return sum;
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
