/** The changes of specs that a process follows already, for its other parts: a second watch is a consumer of the server. */
import type { Spec } from "../contracts/index.ts";
import type { KvChange } from "../nats/index.ts";

type Listener = (change: KvChange<Spec>) => void;

export class SpecFeed {
  /** The last valid spec of each name. */
  readonly #last = new Map<string, KvChange<Spec>>();
  readonly #listeners = new Set<Listener>();

  /** Calls back with each change from now on. Returns the specs that are there, and the function that ends it. */
  follow(listener: Listener): { present: readonly KvChange<Spec>[]; end: () => void } {
    this.#listeners.add(listener);
    return { present: [...this.#last.values()], end: () => void this.#listeners.delete(listener) };
  }

  /** A change of the bucket has come. */
  note(change: KvChange<Spec>): void {
    if (change.kind === "delete") this.#last.delete(change.key);
    else if (change.read.ok) this.#last.set(change.read.key, change);
    for (const listener of this.#listeners) listener(change);
  }
}
