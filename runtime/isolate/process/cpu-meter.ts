/**
 * The CPU time that work in this process really gets, on a machine that has other things to do, too.
 *
 * isolated-vm measures an isolate's time by a clock on the wall, and Node does not say which thread an isolate runs on. The
 * process knows what all its threads but the main one have used together. The threads that want to run share that: the
 * system gives threads of one process equal parts.
 *
 * I1  A worker's time is what its clock on the wall says, times the share of it that the workers together have got. It is
 *     never more than the clock says.
 * I2  Threads that work for nobody in particular (V8's garbage collection, name resolution) count for the workers: a share
 *     may be too high, and is never too low because of them.
 */

import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { MACHINE_STATE_FILE } from "../machine-state-file.ts";

export interface CpuMeter {
  /** Counts a worker in, until it is over. */
  begin(worker: Worker): void;
  /** Settles what the workers have done since the last sample. */
  sample(): void;
  /** From above 0 to 1: how much of its time on the wall a worker is likely to get, by what was seen of late and by who else wants to run. */
  readonly share: number;
  /** Nobody is at work. */
  readonly isIdle: boolean;
  /** Does work; also tells how much CPU time it took, in milliseconds. */
  measure<T>(where: Place, work: () => Promise<T>, onSpent: (ms: number) => void): Promise<T>;
}

/** Where the host works for a function: on a thread of libuv's pool, or on the main thread before the call returns. */
export type Place = "pool" | "main";

/** Does work on behalf of a request (0: nobody's), and charges it with the CPU time. */
export type Measure = <T>(owner: number, where: Place, work: () => Promise<T>) => Promise<T>;

/** For what is nobody's account. */
export const unmeasured: Measure = (_owner, _where, work) => work();

export interface Worker {
  /** How long it was at work since the last sample, in milliseconds on the wall. */
  ranMs(): number;
  /** This share of it was CPU time. */
  settle(share: number): void;
  /** It is at work no longer: it is left out from the next sample on. */
  isOver(): boolean;
}

export interface CpuMeterOptions {
  /** Milliseconds of CPU time that the process has used, the main thread left out. */
  usedMs?: () => number;
  /** The same of the main thread alone. */
  mainMs?: () => number;
  now?: () => number;
  /** How many threads of the whole machine want to run now, and how many cores there are for them. */
  crowd?: () => { threads: number; cores: number };
}

/** A sample of less says nothing: the share of a moment is all or nothing. */
const TELLING_MS = 5;
/** How much a higher share counts at each sample. A lower one counts at once. */
const RECOVERY = 0.2;
/** How long a share is reckoned with that was not seen again. */
const SEEN_MS = 2_000;
/** How long the machine counts as it was. */
const CROWD_MS = 250;
/** Lower bound of the share that is reckoned with. */
const LEAST_SHARE = 0.05;

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its steps share their state
export function createCpuMeter({
  usedMs = () => cpuMs(process.cpuUsage()) - cpuMs(process.threadCpuUsage()),
  mainMs = () => cpuMs(process.threadCpuUsage()),
  now = () => performance.now(),
  crowd = readCrowd,
}: CpuMeterOptions = {}): CpuMeter {
  const workers = new Set<Worker>();
  let lastUsedMs = 0;
  let share = 1;
  let seenAt = now();

  const begin = (worker: Worker) => {
    if (workers.size === 0) lastUsedMs = usedMs();
    workers.add(worker);
  };
  let crowdShare = 1;
  let crowdAt = Number.NEGATIVE_INFINITY;
  const recent = () => (now() - seenAt < SEEN_MS ? share : 1);
  /** A machine that has become busy is known before anything here has run on it. */
  const crowded = () => {
    if (now() - crowdAt < CROWD_MS) return crowdShare;
    const { threads, cores } = crowd();
    crowdShare = Math.max(LEAST_SHARE, Math.min(1, cores / Math.max(1, threads)));
    crowdAt = now();
    return crowdShare;
  };
  const see = (got: number) => {
    const before = recent();
    share = Math.max(LEAST_SHARE, Math.min(got, before + (got - before) * RECOVERY));
    seenAt = now();
  };
  const sample = () => {
    if (workers.size === 0) return;
    const used = usedMs();
    let ranMs = 0;
    for (const worker of workers) ranMs += worker.ranMs();
    const got = shareOf(used - lastUsedMs, ranMs);
    lastUsedMs = used;
    if (ranMs >= TELLING_MS) see(got);
    for (const worker of workers) {
      worker.settle(got);
      if (worker.isOver()) workers.delete(worker);
    }
  };
  const measureMain = <T>(work: () => Promise<T>, onSpent: (ms: number) => void): Promise<T> => {
    const beganMs = mainMs();
    const done = work();
    onSpent(mainMs() - beganMs);
    return done;
  };
  const measurePool = async <T>(work: () => Promise<T>, onSpent: (ms: number) => void): Promise<T> => {
    let lastAt = now();
    let ranMs = 0;
    let spentMs = 0;
    let isOver = false;
    begin({
      ranMs() {
        ranMs = now() - lastAt;
        lastAt += ranMs;
        return ranMs;
      },
      settle(part) {
        spentMs += ranMs * part;
      },
      isOver: () => isOver,
    });
    try {
      return await work();
    } finally {
      isOver = true;
      sample();
      onSpent(spentMs);
    }
  };
  return {
    begin,
    sample,
    get share() {
      return Math.min(recent(), crowded());
    },
    get isIdle() {
      return workers.size === 0;
    },
    measure: (where, work, onSpent) => (where === "main" ? measureMain : measurePool)(work, onSpent),
  };
}

/** The part of the time on the wall for which there was CPU time. */
export function shareOf(usedMs: number, ranMs: number): number {
  return ranMs > 0 ? Math.min(1, Math.max(0, usedMs) / ranMs) : 1;
}

const MICROS_PER_MS = 1_000;

function cpuMs({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / MICROS_PER_MS;
}

const CORES = availableParallelism();

/** Linux says it; elsewhere the machine counts as free until a sample says otherwise. */
function readCrowd(): { threads: number; cores: number } {
  try {
    const [, threads] = /^procs_running (\d+)$/m.exec(readFileSync(MACHINE_STATE_FILE, "utf8")) ?? [];
    return { threads: Number(threads ?? 1), cores: CORES };
  } catch {
    return { threads: 1, cores: CORES };
  }
}
