/**
 * The state of an `AbortSignal`, apart from its event target.
 *
 * I1  A signal is aborted at most once, and keeps its reason.
 * I2  A source holds its dependents weakly, so that a long-lived signal (a function's own) does not collect the signals of
 *     all requests. A dependent with listeners or algorithms is held strongly: it must fire even if its creator has
 *     released it.
 * I3  Dependents follow sources that depend on nothing themselves. All of them are aborted, with their reasons, before the
 *     first of them fires (DOM, "signal abort").
 */
export class AbortState {
  isAborted = false;
  reason: unknown;
  /** True if other signals abort this one: the result of `any()` or `timeout()`. */
  readonly isDependent: boolean;
  /** Fires the `abort` event. */
  readonly #fire: () => void;
  #sources: AbortState[] = [];
  #algorithms: Set<() => void> | undefined;
  #held: Set<AbortState> | undefined;
  #unheld: Set<WeakRef<AbortState>> | undefined;
  /** Number of weak references from which the dead ones are removed. */
  #sweepAt = 16;
  #isAwaited = false;

  constructor(isDependent: boolean, fire: () => void) {
    this.isDependent = isDependent;
    this.#fire = fire;
  }

  /** Makes this signal abort when `source` does. A dependent source is replaced by its own sources. */
  follow(source: AbortState): void {
    for (const root of source.isDependent ? source.#sources : [source]) {
      if (this.#sources.includes(root)) continue;
      this.#sources.push(root);
      root.#addUnheld(this);
    }
  }

  /** Adds an action that runs before the event fires. Returns a function that removes it. */
  onAbort(algorithm: () => void): () => void {
    if (this.isAborted) return () => undefined;
    this.#algorithms ??= new Set();
    this.#algorithms.add(algorithm);
    this.#updateHold();
    return () => {
      if (this.#algorithms?.delete(algorithm)) this.#updateHold();
    };
  }

  /** Tells whether there are listeners for the event. */
  setAwaited(isAwaited: boolean): void {
    this.#isAwaited = isAwaited;
    this.#updateHold();
  }

  abort(reason: unknown): void {
    if (this.isAborted) return;
    this.#mark(reason);
    const dependents = this.#dependents().filter((dependent) => !dependent.isAborted);
    for (const dependent of dependents) dependent.#mark(reason);
    this.#run();
    for (const dependent of dependents) dependent.#run();
  }

  #mark(reason: unknown): void {
    this.isAborted = true;
    this.reason = reason;
  }

  #run(): void {
    const algorithms = this.#algorithms;
    this.#algorithms = undefined;
    for (const algorithm of algorithms ?? []) algorithm();
    this.#fire();
    for (const source of this.#sources) source.#held?.delete(this);
    this.#sources = [];
  }

  /** The dependents in the order of their creation. */
  #dependents(): AbortState[] {
    const dependents: AbortState[] = [];
    for (const reference of this.#unheld ?? []) {
      const dependent = reference.deref();
      if (dependent !== undefined) dependents.push(dependent);
    }
    this.#unheld = undefined;
    this.#held = undefined;
    return dependents;
  }

  #addUnheld(dependent: AbortState): void {
    this.#unheld ??= new Set();
    this.#unheld.add(new WeakRef(dependent));
    if (this.#unheld.size < this.#sweepAt) return;
    for (const reference of this.#unheld) if (reference.deref() === undefined) this.#unheld.delete(reference);
    this.#sweepAt = Math.max(16, this.#unheld.size * 2);
  }

  #updateHold(): void {
    const isHeld = !this.isAborted && (this.#isAwaited || (this.#algorithms?.size ?? 0) > 0);
    for (const source of this.#sources) {
      if (isHeld) {
        source.#held ??= new Set();
        source.#held.add(this);
      } else source.#held?.delete(this);
    }
  }
}
