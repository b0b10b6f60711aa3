/** How many seconds a script may take. */
const LIMIT_TICKS = 20;

/** A clock of seconds. A machine that stands still for a while makes one tick of them. */
export interface Clock extends Disposable {
  readonly ticks: number;
  /** Is aborted after the time of a script. */
  readonly limit: AbortSignal;
}

export function startClock(): Clock {
  const over = new AbortController();
  let ticks = 0;
  const timer = setInterval(() => {
    ticks += 1;
    if (ticks === LIMIT_TICKS) over.abort();
  }, 1_000);
  return {
    get ticks() {
      return ticks;
    },
    limit: over.signal,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
