/**
 * The numbers of one asker's requests that are over: its requester counts them (requester.ts).
 *
 * I1  The last `MAX_NOTED` numbers are kept. `mayInclude` is false only for a number that was never noted: it is not
 *     kept, and after every forgotten number.
 * I2  Numbers begin again at 0 after 2^32 - 1: of two numbers, the later one is less than 2^31 ahead of the other (RFC 1982).
 */

const MAX_NOTED = 1_024;

export class NotedNumbers {
  readonly #ring: number[] = [];
  #next = 0;
  #lastForgotten: number | undefined;

  note(number: number): void {
    const forgotten = this.#ring[this.#next];
    if (forgotten !== undefined && !this.#isForgotten(forgotten)) this.#lastForgotten = forgotten;
    this.#ring[this.#next] = number;
    this.#next = (this.#next + 1) % MAX_NOTED;
  }

  mayInclude(number: number): boolean {
    return this.#isForgotten(number) || this.#ring.includes(number);
  }

  #isForgotten(number: number): boolean {
    return this.#lastForgotten !== undefined && ((number - this.#lastForgotten) | 0) <= 0;
  }
}
