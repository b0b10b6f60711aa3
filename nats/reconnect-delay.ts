const FIRST_MS = 25;
const MAX_MS = 2_000;

/** How long the client library waits before it tries to connect again. */
export class ReconnectDelay {
  #attempts = 0;
  /** Stays as it is until the next attempt: the library asks several times for one. */
  #currentMs = decideReconnectDelayMs(0, Math.random());

  get currentMs(): number {
    return this.#currentMs;
  }

  noteAttempt(): void {
    this.#attempts += 1;
  }

  noteConnected(): void {
    this.#attempts = 0;
  }

  /** Decides the next delay. */
  renew(): void {
    this.#currentMs = decideReconnectDelayMs(this.#attempts, Math.random());
  }
}

/**
 * How long after one attempt to reconnect the next one comes: fast at first, as a restarted server is back within
 * some ten milliseconds, then once every 2 s. `random`, from 0 to 1, spreads a fleet so that it does not come back in
 * one instant.
 */
export function decideReconnectDelayMs(attempts: number, random: number): number {
  return Math.min(MAX_MS, FIRST_MS * 2 ** Math.min(attempts, 10)) * (0.5 + random / 2);
}
