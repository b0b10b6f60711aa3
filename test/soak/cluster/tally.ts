/** What a run of chaos has seen: breaches, counts, and the longest time of each kind of work. */
export interface ChaosReport {
  /** Breaches of C1 to C8. */
  faults: string[];
  events: string[];
  /** How often each kind of work was done. */
  done: Record<string, number>;
  /** The longest time of each kind of work, over the whole run. */
  longestMs: Record<string, number>;
}

export class Tally {
  readonly report: ChaosReport = { faults: [], events: [], done: {}, longestMs: {} };
  #sinceEvent: Record<string, number> = {};

  count(what: string, times = 1): void {
    this.report.done[what] = (this.report.done[what] ?? 0) + times;
  }

  /** Notes that work is done, which began at `sinceMs` of `performance.now()`. */
  took(what: string, sinceMs: number): void {
    const ms = performance.now() - sinceMs;
    this.count(what);
    for (const longest of [this.report.longestMs, this.#sinceEvent])
      longest[what] = Math.max(longest[what] ?? 0, Math.round(ms));
  }

  fault(text: string): void {
    this.report.faults.push(text);
  }

  /** Ends the time of one event; returns the longest times in it, in words. */
  close(event: string): string {
    this.report.events.push(event);
    const words = wordsOf(this.#sinceEvent);
    this.#sinceEvent = {};
    return words;
  }
}

/** `request 12, push 800`. */
export function wordsOf(numbers: Readonly<Record<string, number>>): string {
  return Object.entries(numbers)
    .map(([what, number]) => `${what} ${number}`)
    .join(", ");
}
