/**
 * A queue in which owners take turns.
 *
 * I1  The items of one owner come out in the order in which they were put in.
 * I2  Between two items of one owner comes one item of every other owner that waits and may go on.
 */
export class Turns<T extends { owner: number }> {
  /** Items by owner. The first owner is next. */
  readonly #waiting = new Map<number, T[]>();

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  put(item: T): void {
    const own = this.#waiting.get(item.owner);
    if (own === undefined) this.#waiting.set(item.owner, [item]);
    else own.push(item);
  }

  /** Takes the next item of an owner that `mayGoOn`; undefined where there is none. */
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
