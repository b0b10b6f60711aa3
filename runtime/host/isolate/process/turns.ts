/**
 * What waits, by whose it is.
 *
 * I1  Each owner's own comes out in the order in which it was put in.
 * I2  Owners take turns: between two of one owner's comes one of every other that waits and may go on.
 */
export class Turns<T extends { owner: number }> {
  /** The owner whose turn it is comes first. */
  readonly #waiting = new Map<number, T[]>();

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  put(item: T): void {
    const own = this.#waiting.get(item.owner);
    if (own === undefined) this.#waiting.set(item.owner, [item]);
    else own.push(item);
  }

  /** Takes the next one out, of an owner that `mayGoOn`; undefined where there is none. */
  take(mayGoOn: (owner: number) => boolean): T | undefined {
    for (const [owner, own] of this.#waiting) {
      if (!mayGoOn(owner)) continue;
      const item = own.shift();
      this.#waiting.delete(owner);
      if (own.length > 0) this.#waiting.set(owner, own);
      return item;
    }
    return undefined;
  }
}
