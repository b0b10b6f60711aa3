/** Waits for one event, which may come again. */
export class Waiters {
  readonly #waiting = new Set<() => void>();

  wait(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  /** The event came. */
  release(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
