/**
 * Brings a nats-server back whose disk was full.
 *
 * A stream that was written to while the disk had no room refuses every write from then on, until the server is
 * restarted, however much room there is later (seen of 2.15.1).
 *
 * I1  The server is restarted after it reported a full disk, when the disk has room.
 * I2  Where restarts do not help, for example because a quota is exceeded, each waits longer than the one before.
 */
import { statfs } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";

export interface FullDiskOptions {
  /** A folder on the disk. */
  dir: string;
  /** Restarts the server; resolves when the former process is gone. */
  restart(): Promise<void>;
  log: Pick<Logger, "warn">;
  signal: AbortSignal;
}

/** The server's reports of a failed write. */
const NO_ROOM = /no space left on device|disk quota exceeded|out of \w+ resources/i;

const LOOK_MS = 1_000;
const MAX_PAUSE_MS = 60_000;
/**
 * How long a restarted server has to have room before it is sound, and the next restart counts as the first again.
 */
const SOUND_AFTER_MS = 600_000;

/** Room that makes a restart worthwhile: a part of a small disk, at most some megabytes. */
const ENOUGH_BYTES = 64 * 1024 * 1024;
const ENOUGH_PART = 0.1;

/** Takes each line of the server's log. */
export function createFullDiskWatch({ dir, restart, log, signal }: FullDiskOptions): (line: string) => void {
  let isWaiting = false;
  let restarts = 0;
  let lastAtMs = Number.NEGATIVE_INFINITY;

  const bringBack = async () => {
    log.warn({ dir }, "the disk of nats-server is full: writes are refused until there is room again");
    while (!(await hasRoom(dir))) await sleep(LOOK_MS, undefined, { signal });
    log.warn(
      { dir },
      "the disk of nats-server has room again; the server is restarted, as its streams stay refused",
    );
    await restart();
    if (performance.now() - lastAtMs > SOUND_AFTER_MS) restarts = 0;
    lastAtMs = performance.now();
    restarts += 1;
    // Lines of the former process may still come.
    await sleep(decidePauseMs(restarts), undefined, { signal });
  };
  return (line) => {
    if (isWaiting || !NO_ROOM.test(line)) return;
    isWaiting = true;
    bringBack()
      // The server is closed.
      .catch(() => undefined)
      .finally(() => {
        isWaiting = false;
      });
  };
}

/** How long the next restart waits after so many. */
export function decidePauseMs(restarts: number): number {
  return Math.min(MAX_PAUSE_MS, LOOK_MS * 2 ** (restarts - 1));
}

async function hasRoom(dir: string): Promise<boolean> {
  const { bavail, blocks, bsize } = await statfs(dir);
  return bavail * bsize >= Math.min(ENOUGH_BYTES, blocks * bsize * ENOUGH_PART);
}
