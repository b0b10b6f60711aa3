/**
 * Notices isolates that V8 has lost control of: a call into them does not end. isolated-vm puts their thread to sleep, 5 s after
 * the call's time was up, or as soon as V8 has no memory left. It tells nobody (isolate-maker.ts, I2).
 *
 * I1  An isolate is lost when none of its calls has ended for the longest time of one, and `GRACE_TICKS` more, and it has not
 *     called back in that time. V8's limit of a call does not run while the isolate waits for an answer of the host: on a busy machine
 *     an endless loop of questions takes many times its limit.
 * I2  It is lost long before where no thread but the main one has run for `STILL_TICKS`: a thread that wants to run gets some
 *     of the CPU in that time, also on a crowded machine. Where other isolates are at work, I1 decides.
 * I3  Time is counted in ticks of a timer: none passes while the whole process stands still, or no call is under way. A process
 *     at rest is not woken.
 */
import { usedOffMainMs } from "./cpu-time.ts";

export interface LostIsolates {
  open(onLost: () => void): Calls;
}

/** The calls into one isolate. They run, and end, in the order in which they were made. */
export interface Calls {
  /** A call begins. `timeoutMs`: its own limit. */
  begin(timeoutMs: number): void;
  end(): void;
  /** A function that the isolate calls: each of its calls shows that the isolate's thread runs. */
  calledBack<V extends unknown[], R>(take: (...values: V) => R): (...values: V) => R;
  /** Watches a whole call. */
  watch<T>(timeoutMs: number, call: Promise<T>): Promise<T>;
  /** No call is made any more. The ones under way are watched to their end. */
  close(): void;
}

const nothing = () => undefined;
/** The calls into an isolate that nobody watches. */
export const unwatchedCalls: Calls = {
  begin: nothing,
  end: nothing,
  calledBack: (take) => take,
  watch: (_timeoutMs, call) => call,
  close: nothing,
};

export interface LostIsolatesOptions {
  /** Default a second. */
  tickMs?: number;
  /** Milliseconds of CPU time that the process has used, without the main thread. */
  usedMs?: () => number;
}

const TICK_MS = 1_000;
/** How long isolated-vm tries to end a call whose time is up, and a tick. */
const GRACE_TICKS = 6;
/** The first of them may follow a pause of the whole process at once. */
const STILL_TICKS = 2;
/** Upper bound of the CPU time in a tick in which no isolate has run: less than the system gives to a thread at a time. */
const STILL_MS = 2;

export function createLostIsolates({
  tickMs = TICK_MS,
  usedMs = usedOffMainMs,
}: LostIsolatesOptions = {}): LostIsolates {
  const open = new Set<WatchedCalls>();
  let now = 0;
  /** The last tick in which a thread has run. */
  let moved = 0;
  let lastUsedMs = usedMs();
  let timer: NodeJS.Timeout | undefined;
  const tick = () => {
    now += 1;
    const used = usedMs();
    if (used - lastUsedMs > STILL_MS) moved = now;
    lastUsedMs = used;
    let isAtRest = true;
    for (const calls of open) if (calls.check()) isAtRest = false;
    if (!isAtRest) return;
    clearInterval(timer);
    timer = undefined;
  };
  const watch = () => {
    timer ??= setInterval(tick, tickMs).unref();
  };
  return {
    open(onLost) {
      const calls: WatchedCalls = new WatchedCalls({
        now: () => now,
        moved: () => moved,
        tickMs,
        onBusy: watch,
        onLost,
        onOver: () => open.delete(calls),
      });
      open.add(calls);
      return calls;
    },
  };
}

interface WatchedCallsOptions {
  now(): number;
  moved(): number;
  tickMs: number;
  /** A call is under way, and none was before. */
  onBusy(): void;
  onLost(): void;
  onOver(): void;
}

class WatchedCalls implements Calls {
  readonly #options: WatchedCallsOptions;
  #underWay = 0;
  /** The tick in which the call that runs has begun, or the isolate has called back. */
  #since = 0;
  #longestMs = 0;
  #isClosed = false;

  constructor(options: WatchedCallsOptions) {
    this.#options = options;
  }

  begin(timeoutMs: number): void {
    if (this.#underWay === 0) {
      this.#since = this.#options.now();
      this.#longestMs = 0;
      this.#options.onBusy();
    }
    this.#underWay += 1;
    if (timeoutMs > this.#longestMs) this.#longestMs = timeoutMs;
  }

  end(): void {
    this.#underWay -= 1;
    this.#since = this.#options.now();
    if (this.#isClosed) this.close();
  }

  calledBack<V extends unknown[], R>(take: (...values: V) => R): (...values: V) => R {
    return (...values) => {
      this.#since = this.#options.now();
      return take(...values);
    };
  }

  async watch<T>(timeoutMs: number, call: Promise<T>): Promise<T> {
    this.begin(timeoutMs);
    try {
      return await call;
    } finally {
      this.end();
    }
  }

  close(): void {
    this.#isClosed = true;
    if (this.#underWay === 0) this.#options.onOver();
  }

  /** Whether a call is under way in an isolate that is not lost. */
  check(): boolean {
    if (this.#underWay === 0) return false;
    if (!this.#isStill && !this.#isOverdue) return true;
    this.#options.onOver();
    this.#options.onLost();
    return false;
  }

  get #isOverdue(): boolean {
    const { now, tickMs } = this.#options;
    return now() - this.#since > this.#longestMs / tickMs + GRACE_TICKS;
  }

  /** No thread has run in whole ticks of the call. */
  get #isStill(): boolean {
    const { now, moved } = this.#options;
    return now() - Math.max(moved(), this.#since + 1) >= STILL_TICKS;
  }
}
