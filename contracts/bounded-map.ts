/** A map that forgets the entry that was added first when it has more than `maxEntries`. */
export class BoundedMap<Key, Value> extends Map<Key, Value> {
  readonly #maxEntries: number;
  readonly #onForgotten: (key: Key) => void;
  /** It stands before the oldest entry, as all that it has passed are deleted. A new one would walk past them again. */
  readonly #oldest = this.keys();

  constructor(maxEntries: number, onForgotten: (key: Key) => void = () => undefined) {
    super();
    this.#maxEntries = maxEntries;
    this.#onForgotten = onForgotten;
  }

  /** A key that is there already keeps its place. */
  override set(key: Key, value: Value): this {
    super.set(key, value);
    if (this.size > this.#maxEntries) this.#forgetFirst();
    return this;
  }

  #forgetFirst(): void {
    const first = this.#oldest.next();
    if (first.done === true) return;
    this.delete(first.value);
    this.#onForgotten(first.value);
  }
}
