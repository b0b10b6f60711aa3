/**
 * The CPU time that work in this process really gets, on a machine that runs other programs, too.
 *
 * isolated-vm measures an isolate's time in wall time, and Node does not tell which thread an isolate runs on. The process
 * knows the CPU time of all its threads but the main one, as a sum. The threads that want to run get equal parts of it, as
 * the system schedules threads of one process alike.
 *
 * I1  A worker's CPU time is its wall time times the share that all workers together got. It never exceeds the wall time.
 * I2  Threads without a worker (V8's garbage collection, name resolution) count for the workers. So a share may be too high,
 *     but never too low.
 */

import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { cpuMs, usedOffMainMs } from "../cpu-time.ts";
import { MACHINE_STATE_FILE } from "../machine-state-file.ts";

export interface CpuMeter {
  /** Counts a worker in, until it is over. */
  begin(worker: Worker): void;
  /** Settles the time of all workers since the last sample. */
  sample(): void;
  /** The expected share of CPU time in a worker's wall time, from above 0 to 1: by recent samples and the machine's load. */
  readonly share: number;
  /** No worker is counted. */
  readonly isIdle: boolean;
  /** Does work. `onSpent` gets the CPU time that it took, in milliseconds. */
  measure<T>(where: Place, work: () => Promise<T>, onSpent: (ms: number) => void): Promise<T>;
}

/** The thread on which the host works for a function: one of libuv's pool, or the main thread before the call returns. */
export type Place = "pool" | "main";

/** Does work on behalf of a request (0: of none), and charges the request with the CPU time. */
export type Measure = <T>(owner: number, where: Place, work: () => Promise<T>) => Promise<T>;

/** Does work without charging it. */
export const unmeasured: Measure = (_owner, _where, work) => work();

export interface Worker {
  /** Milliseconds of wall time that it worked since the last sample. */
  ranMs(): number;
  /** Learns the share of CPU time in that wall time. */
  settle(share: number): void;
  /** The worker has ended: the next sample leaves it out. */
  isOver(): boolean;
}

export interface CpuMeterOptions {
  /** Milliseconds of CPU time that the process has used, without the main thread. */
  usedMs?: () => number;
  /** Milliseconds of CPU time that the main thread has used. */
  mainMs?: () => number;
  now?: () => number;
  /** The number of threads of the whole machine that want to run now, and the number of cores. */
  crowd?: () => { threads: number; cores: number };
}

/** Lower bound of a sample that counts, in milliseconds: the share of a moment is all or nothing. */
const TELLING_MS = 5;
/** The weight of a higher share at each sample. A lower share counts at once. */
const RECOVERY = 0.2;
/** How long a share counts that was not seen again. */
const SEEN_MS = 2_000;
/** How long a reading of the machine's load counts. */
const CROWD_MS = 250;
/** Lower bound of the expected share. */
const LEAST_SHARE = 0.05;

export function createCpuMeter({
  usedMs = usedOffMainMs,
  mainMs = () => cpuMs(process.threadCpuUsage()),
  now = () => performance.now(),
  crowd = readCrowd,
}: CpuMeterOptions = {}): CpuMeter {
  const workers = new Set<Worker>();
  const seen = createSeenShare(now);
  const crowdShare = createCrowdShare(crowd, now);
  let lastUsedMs = 0;
  const meter: CpuMeter = {
    begin(worker) {
      if (workers.size === 0) lastUsedMs = usedMs();
      workers.add(worker);
    },
    sample() {
      if (workers.size === 0) return;
      const used = usedMs();
      let ranMs = 0;
      for (const worker of workers) ranMs += worker.ranMs();
      const share = shareOf(used - lastUsedMs, ranMs);
      lastUsedMs = used;
      if (ranMs >= TELLING_MS) seen.add(share);
      for (const worker of workers) {
        worker.settle(share);
        if (worker.isOver()) workers.delete(worker);
      }
    },
    get share() {
      return Math.min(seen.recent(), crowdShare());
    },
    get isIdle() {
      return workers.size === 0;
    },
    measure: (where, work, onSpent) =>
      where === "main" ? measureMain(mainMs, work, onSpent) : measurePool(meter, now, work, onSpent),
  };
  return meter;
}

/** The share that the workers got of late. */
function createSeenShare(now: () => number): { add(share: number): void; recent(): number } {
  let share = 1;
  let seenAt = now();
  const recent = () => (now() - seenAt < SEEN_MS ? share : 1);
  return {
    add(got) {
      const before = recent();
      share = Math.max(LEAST_SHARE, Math.min(got, before + (got - before) * RECOVERY));
      seenAt = now();
    },
    recent,
  };
}

/** The share that the load of the machine allows. It is known before a worker has run on a machine that became busy. */
function createCrowdShare(crowd: () => { threads: number; cores: number }, now: () => number): () => number {
  let share = 1;
  let readAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (now() - readAt < CROWD_MS) return share;
    const { threads, cores } = crowd();
    share = Math.max(LEAST_SHARE, Math.min(1, cores / Math.max(1, threads)));
    readAt = now();
    return share;
  };
}

function measureMain<T>(
  mainMs: () => number,
  work: () => Promise<T>,
  onSpent: (ms: number) => void,
): Promise<T> {
  const beganMs = mainMs();
  const done = work();
  onSpent(mainMs() - beganMs);
  return done;
}

/** Counts the work as a worker of its own. */
async function measurePool<T>(
  meter: CpuMeter,
  now: () => number,
  work: () => Promise<T>,
  onSpent: (ms: number) => void,
): Promise<T> {
  let lastAt = now();
  let ranMs = 0;
  let spentMs = 0;
  let isOver = false;
  meter.begin({
    ranMs() {
      ranMs = now() - lastAt;
      lastAt += ranMs;
      return ranMs;
    },
    settle(share) {
      spentMs += ranMs * share;
    },
    isOver: () => isOver,
  });
  try {
    return await work();
  } finally {
    isOver = true;
    meter.sample();
    onSpent(spentMs);
  }
}

/** The share of CPU time in wall time. */
export function shareOf(usedMs: number, ranMs: number): number {
  return ranMs > 0 ? Math.min(1, Math.max(0, usedMs) / ranMs) : 1;
}

const CORES = availableParallelism();

/** Reads the load from Linux. On other systems the machine counts as free until a sample shows otherwise. */
function readCrowd(): { threads: number; cores: number } {
  try {
    const [, threads] = /^procs_running (\d+)$/m.exec(readFileSync(MACHINE_STATE_FILE, "utf8")) ?? [];
    return { threads: Number(threads ?? 1), cores: CORES };
  } catch {
    return { threads: 1, cores: CORES };
  }
}
