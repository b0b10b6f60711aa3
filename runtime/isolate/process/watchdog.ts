/**
 * Watches running isolates for excesses that V8 does not end by itself.
 *
 * I1  An entry that goes on after its CPU time was up is reported as late, once. V8 ends an entry by wall time, and that limit
 *     is set for a busy machine (entries.ts). Some of V8's own functions it cannot end at all (`BigInt` arithmetic,
 *     `new Array(2 ** 32 - 1).reverse()`): the engine gives them up 5 s later.
 * I2  The memory of the whole process is measured while an entry runs for longer than a tick, as V8 counts some memory for no
 *     isolate (a WebAssembly memory that grows, `Intl` objects). Growth beyond the limits of all running isolates together
 *     is reported to the isolate that has run for longest. The next one follows if the growth goes on.
 * I3  The entries of an isolate run, and end, in the order in which they began.
 * I4  No timer runs while no isolate does.
 */
import { MIB } from "../../../contracts/index.ts";
import { type CpuMeter, createCpuMeter, type Worker } from "./cpu-meter.ts";

export interface Watchdog {
  watch(options: WatchOptions): Watched;
  readonly meter: CpuMeter;
}

export interface WatchOptions {
  memoryMb: number;
  /** The isolate, for the meter. */
  worker: Worker;
  /** True: the entry that runs has used up its CPU time, as far as it is settled. */
  isOverdue(): boolean;
  onLate(): void;
  /** The process has grown by so many bytes since the current entry of the isolate began. */
  onGrowth(bytes: number): void;
}

/** One isolate that is watched. */
export interface Watched {
  /** An entry begins, or waits behind others of the isolate. */
  begin(): void;
  /** Milliseconds that the current entry has run. */
  readonly ranMs: number;
  /** The growth of the process meanwhile, where it was measured. */
  readonly grownBytes: number | undefined;
  /** The oldest entry that is under way has ended. */
  end(): void;
  /** The isolate has ended. */
  close(): void;
}

export interface WatchdogOptions {
  meter?: CpuMeter;
  now?: () => number;
  rss?: () => number;
}

const nothing = () => undefined;
/** A watchdog that reports nothing. */
export const createBlindWatchdog = (): Watchdog => ({
  watch: () => ({ begin: nothing, ranMs: 0, grownBytes: undefined, end: nothing, close: nothing }),
  meter: createCpuMeter(),
});

/** How long the watchdog waits between two looks. */
const TICK_MS = 20;
/**
 * Ticks before an entry counts as late, as the end of an entry may be about to arrive. Ticks, not time: on a busy machine
 * both come late.
 */
const LATE_TICKS = 2;
/** The growth of the process that counts for no isolate: garbage, buffers on their way. */
const SLACK_BYTES = 128 * MIB;
/** V8 holds twice the memory in use while it collects garbage. */
const MEMORY_FACTOR = 2;

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
    for (const work of atWork) if (!work.isAtWork) atWork.delete(work);
    const long = [...atWork].filter(({ since }) => at - since >= TICK_MS);
    for (const work of long) work.checkTime();
    if (long.length > 0) checkMemory(long, rss());
    if (atWork.size > 0 || !meter.isIdle) return;
    clearInterval(timer);
    timer = undefined;
  };
  return {
    meter,
    watch: (options) =>
      new Work(options, {
        now,
        onBegin(work) {
          meter.begin(options.worker);
          // Until the next tick: a set that changes with each entry leaves tables behind that V8 takes for old.
          atWork.add(work);
          timer ??= setInterval(tick, TICK_MS);
        },
        onClose: (work) => void atWork.delete(work),
      }),
  };
}

interface WorkEvents {
  now(): number;
  onBegin(work: Work): void;
  onClose(work: Work): void;
}

/** One isolate and the entry that it runs. */
class Work implements Watched {
  readonly options: WatchOptions;
  readonly #events: WorkEvents;
  /** The start of the entry that runs. */
  since = 0;
  rssBefore: number | undefined;
  rssLatest: number | undefined;
  /** Its growth was reported. */
  isReported = false;
  /** The number of entries under way. */
  #entries = 0;
  /** Ticks since the entry's time was up. */
  #lateTicks = 0;
  #isLate = false;

  constructor(options: WatchOptions, events: WorkEvents) {
    this.options = options;
    this.#events = events;
  }

  get ranMs(): number {
    return this.#events.now() - this.since;
  }

  get grownBytes(): number | undefined {
    const { rssBefore, rssLatest } = this;
    if (rssBefore === undefined || rssLatest === undefined) return undefined;
    return rssLatest > rssBefore ? rssLatest - rssBefore : undefined;
  }

  get isAtWork(): boolean {
    return this.#entries > 0;
  }

  begin(): void {
    this.#entries += 1;
    if (this.#entries > 1) return;
    this.#startEntry();
    this.#events.onBegin(this);
  }

  end(): void {
    this.#entries = Math.max(0, this.#entries - 1);
    this.#startEntry();
  }

  close(): void {
    this.#entries = 0;
    this.#events.onClose(this);
  }

  checkTime(): void {
    if (!this.options.isOverdue()) return;
    this.#lateTicks += 1;
    if (this.#isLate || this.#lateTicks < LATE_TICKS) return;
    this.#isLate = true;
    this.options.onLate();
  }

  #startEntry(): void {
    this.since = this.#events.now();
    this.rssBefore = undefined;
    this.rssLatest = undefined;
    this.#lateTicks = 0;
    this.#isLate = false;
  }
}

/** Reports the growth of the process to the isolate that has run for longest, and was not told before. */
function checkMemory(long: readonly Work[], bytes: number): void {
  for (const work of long) {
    work.rssBefore ??= bytes;
    work.rssLatest = bytes;
  }
  const grown = bytes - Math.min(...long.map(({ rssBefore = bytes }) => rssBefore));
  const memoryMb = long.reduce((sum, { options }) => sum + options.memoryMb, 0);
  if (grown <= SLACK_BYTES + memoryMb * MEMORY_FACTOR * MIB) return;
  const suspect = long
    .filter(({ isReported }) => !isReported)
    .reduce<Work | undefined>(
      (first, work) => (first && first.since <= work.since ? first : work),
      undefined,
    );
  if (suspect === undefined) return;
  suspect.isReported = true;
  suspect.options.onGrowth(bytes - (suspect.rssBefore ?? bytes));
}
