/**
 * A map for values that live shortly, under numbers that are counted up: the requests under way.
 *
 * A `Map` costs V8's collector much there. Each rehash leaves a table behind that refers to the entries of its time and to its
 * successor. Once such a table is in the old generation, everything that it refers to survives every scavenge.
 *
 * I1  A number has the slot of its last bits. Where an older number still has the slot, the newer one waits in a map for as long
 *     as it lives: streams may live for hours.
 * I2  A slot without a number refers to nothing.
 */
export class NumberTable<V> {
  #keys: number[];
  #values: (V | undefined)[];
  #mask: number;
  #size = 0;
  readonly #others = new Map<number, V>();

  constructor() {
    this.#mask = FIRST_SLOTS - 1;
    this.#keys = new Array<number>(FIRST_SLOTS).fill(NONE);
    this.#values = new Array<V | undefined>(FIRST_SLOTS).fill(undefined);
  }

  get size(): number {
    return this.#size;
  }

  get(number: number): V | undefined {
    const slot = number & this.#mask;
    if (this.#keys[slot] === number) return this.#values[slot];
    return this.#others.size === 0 ? undefined : this.#others.get(number);
  }

  has(number: number): boolean {
    return this.#keys[number & this.#mask] === number || (this.#others.size > 0 && this.#others.has(number));
  }

  /** `number`: a safe integer from 0 on. */
  set(number: number, value: V): void {
    const slot = number & this.#mask;
    const key = this.#keys[slot];
    if (key === number) this.#values[slot] = value;
    else if (this.#others.size > 0 && this.#others.has(number)) this.#others.set(number, value);
    else {
      this.#size += 1;
      if (key !== NONE) this.#others.set(number, value);
      else {
        this.#keys[slot] = number;
        this.#values[slot] = value;
      }
      if (this.#others.size > this.#mask >> 1) this.#grow();
    }
  }

  delete(number: number): boolean {
    const slot = number & this.#mask;
    if (this.#keys[slot] === number) {
      this.#keys[slot] = NONE;
      this.#values[slot] = undefined;
    } else if (this.#others.size === 0 || !this.#others.delete(number)) return false;
    this.#size -= 1;
    return true;
  }

  /** A copy of the values, by ascending numbers. */
  values(): V[] {
    return this.entries().map(([, value]) => value);
  }

  /** A copy of the entries, by ascending numbers. */
  entries(): [number: number, value: V][] {
    const entries: [number, V][] = [...this.#others];
    for (const [slot, key] of this.#keys.entries())
      if (key !== NONE) entries.push([key, this.#values[slot] as V]);
    return entries.sort(([one], [other]) => one - other);
  }

  clear(): void {
    this.#keys.fill(NONE);
    this.#values.fill(undefined);
    this.#others.clear();
    this.#size = 0;
  }

  #grow(): void {
    const entries = this.entries();
    const slots = (this.#mask + 1) * 2;
    this.#mask = slots - 1;
    this.#keys = new Array<number>(slots).fill(NONE);
    this.#values = new Array<V | undefined>(slots).fill(undefined);
    this.#others.clear();
    this.#size = 0;
    for (const [number, value] of entries) this.set(number, value);
  }
}

const FIRST_SLOTS = 64;
/** The key of a slot without a number. */
const NONE = -1;
