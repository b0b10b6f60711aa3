/** How many seconds a script may take. */
const LIMIT_TICKS = 20;
/** A tick that comes later than this after its time is of a process that did not run meanwhile. */
const LATE_MS = 500;
const TICK_MS = 1_000;

/** A clock of seconds. A machine that stands still for a while makes one tick of them. */
export interface Clock extends Disposable {
  /** The ticks without those in which this process stood still. */
  readonly ranTicks: number;
  /** Is aborted after the time of a script, without the seconds in which this process stood still. */
  readonly limit: AbortSignal;
  /** Resolves when the limit is aborted. */
  readonly over: Promise<void>;
  /** For messages. */
  readonly state: string;
}

/** @param now The time in milliseconds. */
export function startClock(now: () => number = () => performance.now()): Clock {
  const limit = new AbortController();
  const over = Promise.withResolvers<void>();
  const startedAt = now();
  let [ticks, late, lastAt] = [0, 0, startedAt];
  const timer = setInterval(() => {
    ticks += 1;
    if (now() - lastAt > TICK_MS + LATE_MS) late += 1;
    lastAt = now();
    if (ticks - late < LIMIT_TICKS) return;
    limit.abort();
    over.resolve();
  }, TICK_MS);
  return {
    get ranTicks() {
      return ticks - late;
    },
    limit: limit.signal,
    over: over.promise,
    get state() {
      return `${ticks} ticks in ${Math.round((now() - startedAt) / 1_000)} s, ${late} of them late`;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
