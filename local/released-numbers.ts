/** Upper bound of the numbers that are remembered. */
const MAX_RELEASED = 4096;

/**
 * The requests that were given up, or whose stream is over: the host may still answer them. The oldest are forgotten. No
 * number below one that was forgotten is held against the host.
 */
export class ReleasedNumbers {
  readonly #numbers = new Set<number>();
  #floor = -1;

  add(number: number): void {
    this.#numbers.add(number);
    if (this.#numbers.size <= MAX_RELEASED) return;
    for (const oldest of this.#numbers) {
      this.#numbers.delete(oldest);
      this.#floor = Math.max(this.#floor, oldest);
      return;
    }
  }

  /** Whether a frame for the number may still come. `isLast`: no other frame may follow it. */
  expects(number: number, isLast: boolean): boolean {
    const isKnown = isLast ? this.#numbers.delete(number) : this.#numbers.has(number);
    return isKnown || number <= this.#floor;
  }
}
