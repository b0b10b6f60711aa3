import { type Backoff, createBackoff } from "../../machine/index.ts";

/** How long after a failed start the next one begins, besides the growing pause. */
const FIRST_PAUSE_MS = 250;

interface Retry {
  generation: string;
  backoff: Backoff;
  timer: NodeJS.Timeout | undefined;
}

/** Growing pauses between the starts of functions whose starts fail, or whose instances die. A new generation begins anew. */
export class StartRetries {
  readonly #retries = new Map<string, Retry>();
  readonly #retry: (name: string) => void;

  /** `retry` is called at the end of each pause. */
  constructor(retry: (name: string) => void) {
    this.#retry = retry;
  }

  /** Whether a generation of the function is in a pause. */
  isPausing(name: string, generation: string): boolean {
    const known = this.#retries.get(name);
    return known?.timer !== undefined && known.generation === generation;
  }

  /** Begins a pause, where there is none for this generation. */
  begin(name: string, generation: string): void {
    if (this.isPausing(name, generation)) return;
    const known = this.#retries.get(name);
    clearTimeout(known?.timer);
    const backoff = known?.generation === generation ? known.backoff : createStartBackoff();
    const retry: Retry = { generation, backoff, timer: undefined };
    const pauseMs = FIRST_PAUSE_MS + backoff.fail(Date.now());
    retry.timer = setTimeout(() => {
      retry.timer = undefined;
      this.#retry(name);
    }, pauseMs);
    this.#retries.set(name, retry);
  }

  /** The function is gone. */
  forget(name: string): void {
    clearTimeout(this.#retries.get(name)?.timer);
    this.#retries.delete(name);
  }

  close(): void {
    for (const name of [...this.#retries.keys()]) this.forget(name);
  }
}

function createStartBackoff(): Backoff {
  return createBackoff({ firstMs: 500, maxMs: 60_000, forgetAfterMs: 600_000 });
}
