import { type Backoff, createBackoff } from "../../machine/index.ts";

/** How long after a failed start the next one begins, besides the growing pause. */
const FIRST_PAUSE_MS = 250;
/** Upper bound of the random part of a pause, as a part of it. */
const JITTER = 0.25;

/** How long a function runs without a death until it counts as stable. */
const FORGET_AFTER_MS = 600_000;

interface Retry {
  generation: string;
  /** How many pauses there were since the function changed, or was stable. */
  count: number;
  lastAtMs: number;
  backoff: Backoff;
  /** Ends its pause. Undefined: it is in none. */
  stop: (() => void) | undefined;
}

/** The time of day, and calls at a later one. */
export interface RetryClock {
  now(): number;
  /** Returns a function that takes the call back. */
  after(ms: number, call: () => void): () => void;
}

const SYSTEM_CLOCK: RetryClock = {
  now: () => Date.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};

/** Growing pauses between the starts of functions whose starts fail, or whose instances die. A new generation begins anew. */
export class StartRetries {
  readonly #retries = new Map<string, Retry>();
  readonly #retry: (name: string) => void;
  readonly #clock: RetryClock;

  /** `retry` is called at the end of each pause. */
  constructor(retry: (name: string) => void, clock: RetryClock = SYSTEM_CLOCK) {
    this.#retry = retry;
    this.#clock = clock;
  }

  /** Whether a generation of the function is in a pause. */
  isPausing(name: string, generation: string): boolean {
    const known = this.#retries.get(name);
    return known?.stop !== undefined && known.generation === generation;
  }

  /** Begins a pause, where there is none for this generation. */
  begin(name: string, generation: string): void {
    if (this.isPausing(name, generation)) return;
    const known = this.#retries.get(name);
    known?.stop?.();
    const nowMs = this.#clock.now();
    const backoff = known?.generation === generation ? known.backoff : createStartBackoff();
    const isStable = known === undefined || this.#clock.now() - known.lastAtMs > FORGET_AFTER_MS;
    const count = isStable || known.generation !== generation ? 1 : known.count + 1;
    const retry: Retry = { generation, backoff, stop: undefined, count, lastAtMs: nowMs };
    // Many instances that died at one moment do not start at one moment.
    const pauseMs = (FIRST_PAUSE_MS + backoff.fail(nowMs)) * (1 + Math.random() * JITTER);
    retry.stop = this.#clock.after(pauseMs, () => {
      retry.stop = undefined;
      this.#retry(name);
    });
    this.#retries.set(name, retry);
  }

  /** How many starts followed a death or a failed start; 0 for a function that is stable. */
  countOf(name: string, generation: string): number {
    const known = this.#retries.get(name);
    if (known?.generation !== generation || this.#clock.now() - known.lastAtMs > FORGET_AFTER_MS) return 0;
    return known.count;
  }

  /** The function is gone. */
  forget(name: string): void {
    this.#retries.get(name)?.stop?.();
    this.#retries.delete(name);
  }

  close(): void {
    for (const name of [...this.#retries.keys()]) this.forget(name);
  }
}

function createStartBackoff(): Backoff {
  return createBackoff({ firstMs: 500, maxMs: 60_000, forgetAfterMs: FORGET_AFTER_MS });
}
