/**
 * The time limits of an instance's open requests, with one timer for all: most requests end long before their limit, and a timer of
 * its own would cost each of them more than its reading.
 *
 * I1  A request past its limit is told within `GRAIN_MS`, and never before its limit.
 * I2  Nothing is done at the end of a request. The timer finds it gone.
 */
export interface Timed {
  /** When its time is over, by `performance.now()`. */
  readonly endsAtMs: number;
  onDeadline(): void;
}

/** The pause between two looks at all requests. */
const GRAIN_MS = 5;
/** Longer waits overflow a timer. */
const MAX_WAIT_MS = 2 ** 31 - 1;

export class Deadlines {
  readonly #open: () => Iterable<Timed>;
  #timer: NodeJS.Timeout | undefined;
  #wakesAtMs = Number.POSITIVE_INFINITY;

  /** `open`: the requests that are open. */
  constructor(open: () => Iterable<Timed>) {
    this.#open = open;
  }

  /** A request has this limit from now on. */
  expect(endsAtMs: number): void {
    if (endsAtMs < this.#wakesAtMs) this.#wakeAt(endsAtMs, 0);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#wakesAtMs = Number.POSITIVE_INFINITY;
  }

  #wakeAt(atMs: number, leastMs: number): void {
    clearTimeout(this.#timer);
    this.#wakesAtMs = atMs;
    const waitMs = Math.min(MAX_WAIT_MS, Math.max(leastMs, Math.ceil(atMs - performance.now())));
    this.#timer = setTimeout(() => this.#look(), waitMs).unref();
  }

  #look(): void {
    this.#wakesAtMs = Number.POSITIVE_INFINITY;
    const nowMs = performance.now();
    let nextMs = Number.POSITIVE_INFINITY;
    const due: Timed[] = [];
    for (const request of this.#open()) {
      if (request.endsAtMs <= nowMs) due.push(request);
      else if (request.endsAtMs < nextMs) nextMs = request.endsAtMs;
    }
    for (const request of due) request.onDeadline();
    // A request that was told may have begun another one.
    const soonestMs = Math.min(nextMs, this.#wakesAtMs);
    if (soonestMs < Number.POSITIVE_INFINITY) this.#wakeAt(soonestMs, GRAIN_MS);
  }
}
