/**
 * Tells bytes that come fast from others. An entry into an isolate costs as much as several copies of 64 KiB: so large chunks that
 * follow each other at once may wait for each other. A small chunk never waits, nor one behind a pause.
 */

/** A smaller chunk leaves at once. */
const BULK_BYTES = 32 * 1024;

/** The longest pause within a flow, and how long its bytes wait for more at most. */
export const BULK_WAIT_MS = 1;

export class BulkFlow {
  readonly #now: () => number;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  /** A chunk comes. Whether it may wait for more. */
  mayWait(bytes: number): boolean {
    if (bytes < BULK_BYTES) return false;
    const lastMs = this.#lastMs;
    this.#lastMs = this.#now();
    return this.#lastMs - lastMs < BULK_WAIT_MS;
  }
}
