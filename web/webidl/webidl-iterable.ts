// biome-ignore-all lint/complexity/noArguments: rest parameters would change the functions' length
import { requireArguments } from "./webidl.ts";

type Pair<K, V> = readonly [K, V];
type PairIteratorKind = "entries" | "keys" | "values";

/**
 * The members of an interface that is declared as `iterable<K, V>`: `entries`, `keys`, `values`, `forEach` and
 * `[Symbol.iterator]`. `pairsOf` is called for each step, as iteration is live. It throws a TypeError for an object of another
 * class.
 */
export function definePairIterable<T extends object, K, V>(
  Interface: { readonly prototype: T },
  name: string,
  pairsOf: (self: T) => readonly Pair<K, V>[],
): void {
  class PairIterator {
    readonly #target: T;
    readonly #kind: PairIteratorKind;
    #index = 0;

    constructor(target: T, kind: PairIteratorKind) {
      this.#target = target;
      this.#kind = kind;
    }

    next(): { value: unknown; done: boolean } {
      const pair = pairsOf(this.#target)[this.#index];
      if (pair === undefined) return { value: undefined, done: true };
      this.#index += 1;
      if (this.#kind === "keys") return { value: pair[0], done: false };
      if (this.#kind === "values") return { value: pair[1], done: false };
      return { value: [pair[0], pair[1]], done: false };
    }
  }
  const iterator = PairIterator.prototype;
  Reflect.deleteProperty(iterator, "constructor");
  Object.setPrototypeOf(iterator, iteratorPrototype);
  Object.defineProperty(iterator, "next", { enumerable: true });
  Object.defineProperty(iterator, Symbol.toStringTag, { value: `${name} Iterator`, configurable: true });

  const methods = {
    entries(this: T) {
      pairsOf(this);
      return new PairIterator(this, "entries");
    },
    forEach(this: T, callback: (value: V, key: K, self: T) => void) {
      pairsOf(this);
      const [, thisArgument] = arguments;
      requireArguments(arguments.length, 1, `${name}.forEach`);
      if (typeof callback !== "function")
        throw new TypeError(`${name}.forEach: parameter 1 is not a function.`);
      for (let index = 0; ; index += 1) {
        const pair = pairsOf(this)[index];
        if (pair === undefined) return;
        Reflect.apply(callback, thisArgument, [pair[1], pair[0], this]);
      }
    },
    keys(this: T) {
      pairsOf(this);
      return new PairIterator(this, "keys");
    },
    values(this: T) {
      pairsOf(this);
      return new PairIterator(this, "values");
    },
  };
  for (const [key, value] of Object.entries(methods))
    Object.defineProperty(Interface.prototype, key, {
      value,
      writable: true,
      configurable: true,
      enumerable: true,
    });
  Object.defineProperty(Interface.prototype, Symbol.iterator, {
    value: methods.entries,
    writable: true,
    configurable: true,
  });
}

const iteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
