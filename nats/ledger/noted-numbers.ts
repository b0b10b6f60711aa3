/**
 * The numbers of one asker's requests that are over: its requester counts them (requester.ts).
 *
 * I1  The last `MAX_NOTED` numbers are kept. `mayInclude` is false only for a number that was never noted: it is not
 *     kept, and above every forgotten number.
 */

const MAX_NOTED = 1_024;

export class NotedNumbers {
  readonly #ring: number[] = [];
  #next = 0;
  #highestForgotten = -1;

  note(number: number): void {
    const forgotten = this.#ring[this.#next];
    if (forgotten !== undefined && forgotten > this.#highestForgotten) this.#highestForgotten = forgotten;
    this.#ring[this.#next] = number;
    this.#next = (this.#next + 1) % MAX_NOTED;
  }

  mayInclude(number: number): boolean {
    return number <= this.#highestForgotten || this.#ring.includes(number);
  }
}
