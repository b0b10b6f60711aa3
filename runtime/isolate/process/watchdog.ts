/**
 * Watches the isolates that are at work, for what V8 does not end by itself.
 *
 * I1  An entry that goes on after its CPU time was up is told as late, once. V8 ends an entry by a clock on the wall, which
 *     is set for a machine that is busy (entries.ts), and it ends some of its own functions not at all (`BigInt`
 *     arithmetic, `new Array(2 ** 32 - 1).reverse()`): the engine gives those up 5 s later.
 * I2  The memory of the whole process is looked at while an entry runs for longer than a tick: some of what an isolate can
 *     take (a WebAssembly memory that grows, `Intl` objects) V8 puts down to nobody. Where it grows by more than those
 *     at work together may have, the one that has been at work for longest is told, and the others if that was not all.
 * I3  The entries of an isolate run, and end, in the order in which they were begun.
 * I4  Nothing ticks while nothing is at work.
 */
import { MIB } from "../../../contracts/index.ts";
import { type CpuMeter, createCpuMeter, type Worker } from "./cpu-meter.ts";

export interface Watchdog {
  watch(options: WatchOptions): Watched;
  readonly meter: CpuMeter;
}

export interface WatchOptions {
  memoryMb: number;
  /** Counts what the isolate is at. */
  worker: Worker;
  /** Whether the entry that runs has used up its CPU time, as far as that is settled. */
  isOverdue(): boolean;
  onLate(): void;
  /** The process has grown by so many bytes since the isolate began the entry that it is at. */
  onGrowth(bytes: number): void;
}

/** One isolate. */
export interface Watched {
  /** An entry is asked for. */
  begin(): void;
  /** How long the entry that runs has been at it, in milliseconds. */
  readonly ranMs: number;
  /** What the process has grown by meanwhile, where that was looked at. */
  readonly grownBytes: number | undefined;
  /** The entry that was begun first of those that have not ended is over. */
  end(): void;
  /** The isolate is gone. */
  close(): void;
}

export interface WatchdogOptions {
  meter?: CpuMeter;
  now?: () => number;
  rss?: () => number;
}

const nothing = () => undefined;
/** Sees nothing. */
export const createBlindWatchdog = (): Watchdog => ({
  watch: () => ({ begin: nothing, ranMs: 0, grownBytes: undefined, end: nothing, close: nothing }),
  meter: createCpuMeter(),
});

const TICK_MS = 20;
/** The ends of entries before it may be about to be heard: ticks, not time, as on a busy machine both of them come late. */
const LATE_TICKS = 2;
/** What the process may grow by besides what the isolates at work may have: garbage, buffers on their way. */
const SLACK_BYTES = 128 * MIB;
/** V8 holds twice of what is in use while it collects. */
const MEMORY_FACTOR = 2;

interface Work extends WatchOptions {
  /** How many entries are under way. */
  entries: number;
  since: number;
  rssBefore: number | undefined;
  rssLatest: number | undefined;
  /** Since its time was up. */
  lateTicks: number;
  isToldLate: boolean;
  isTold: boolean;
}

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its steps share their state
export function createWatchdog({
  meter = createCpuMeter(),
  now = () => performance.now(),
  rss = () => process.memoryUsage.rss(),
}: WatchdogOptions = {}): Watchdog {
  const atWork = new Set<Work>();
  let timer: NodeJS.Timeout | undefined;

  const tick = () => {
    const at = now();
    meter.sample();
    const long = [...atWork].filter(({ since }) => at - since >= TICK_MS);
    for (const work of long) lookAtTime(work);
    if (long.length > 0) lookAtMemory(long);
    if (atWork.size === 0 && meter.isIdle) stop();
  };
  const lookAtTime = (work: Work) => {
    if (!work.isOverdue()) return;
    work.lateTicks += 1;
    if (work.isToldLate || work.lateTicks < LATE_TICKS) return;
    work.isToldLate = true;
    work.onLate();
  };
  const lookAtMemory = (long: Work[]) => {
    const bytes = rss();
    for (const work of long) {
      work.rssBefore ??= bytes;
      work.rssLatest = bytes;
    }
    const grown = bytes - Math.min(...long.map(({ rssBefore = bytes }) => rssBefore));
    const allowed = long.reduce((sum, { memoryMb }) => sum + memoryMb * MEMORY_FACTOR * MIB, SLACK_BYTES);
    if (grown <= allowed) return;
    const suspect = long
      .filter(({ isTold }) => !isTold)
      .reduce<Work | undefined>(
        (first, work) => (first && first.since <= work.since ? first : work),
        undefined,
      );
    if (suspect === undefined) return;
    suspect.isTold = true;
    suspect.onGrowth(bytes - (suspect.rssBefore ?? bytes));
  };
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
  };
  const rest = (work: Work) => {
    work.since = now();
    work.rssBefore = undefined;
    work.rssLatest = undefined;
    work.lateTicks = 0;
    work.isToldLate = false;
  };

  return {
    meter,
    watch(options) {
      const work: Work = {
        ...options,
        entries: 0,
        since: 0,
        rssBefore: undefined,
        rssLatest: undefined,
        lateTicks: 0,
        isToldLate: false,
        isTold: false,
      };
      return {
        begin() {
          work.entries += 1;
          if (work.entries > 1) return;
          rest(work);
          meter.begin(work.worker);
          atWork.add(work);
          timer ??= setInterval(tick, TICK_MS);
        },
        get ranMs() {
          return now() - work.since;
        },
        get grownBytes() {
          const { rssBefore, rssLatest } = work;
          if (rssBefore === undefined || rssLatest === undefined) return undefined;
          return rssLatest > rssBefore ? rssLatest - rssBefore : undefined;
        },
        end() {
          work.entries = Math.max(0, work.entries - 1);
          rest(work);
          if (work.entries === 0) atWork.delete(work);
        },
        close() {
          work.entries = 0;
          atWork.delete(work);
        },
      };
    },
  };
}
