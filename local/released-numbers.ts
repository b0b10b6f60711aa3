/** Upper bound of the numbers that are remembered. */
const MAX_RELEASED = 4096;

/**
 * The requests that were given up, or whose stream is over: the host may still answer them. The oldest are forgotten. No
 * number below one that was forgotten is held against the host.
 */
export class ReleasedNumbers {
  /** `true` for a request whose body streams: its host may call the body off after the answer. */
  readonly #numbers = new Map<number, boolean>();
  #floor = -1;

  add(number: number, hasStreamedBody: boolean): void {
    this.#numbers.set(number, hasStreamedBody);
    if (this.#numbers.size <= MAX_RELEASED) return;
    for (const oldest of this.#numbers.keys()) {
      this.#numbers.delete(oldest);
      this.#floor = Math.max(this.#floor, oldest);
      return;
    }
  }

  /** Whether a frame for the number may still come. `isAnswer`: a whole answer, or an error. */
  expects(number: number, isAnswer: boolean): boolean {
    const hasStreamedBody = this.#numbers.get(number);
    if (hasStreamedBody === undefined) return number <= this.#floor;
    if (isAnswer && !hasStreamedBody) this.#numbers.delete(number);
    return true;
  }
}
