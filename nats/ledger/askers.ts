/**
 * The askers of a ledger, by the prefix of the subjects of their replies.
 *
 * I1  An asker with a request under way is not forgotten. Of the others, the one goes first that was not heard of for
 *     longest.
 */
import { NumberTable } from "../../contracts/index.ts";
import { NotedNumbers } from "./noted-numbers.ts";
import type { Asker } from "./noted-request.ts";

/** Upper bound of the askers without a request under way. */
const MAX_ASKERS = 64;

export class Askers {
  readonly #askers = new Map<string, Asker>();
  /** The asker of the last request: most requests are of the same one. */
  #last: Asker | undefined;
  #hasForgotten = false;

  /** Whether an asker may have been known before. */
  get hasForgotten(): boolean {
    return this.#hasForgotten;
  }

  get(prefix: string): Asker | undefined {
    return this.#askers.get(prefix);
  }

  /** The asker of a request with this id, whose prefix has so many characters. */
  ofId(id: string, prefixLength: number): Asker {
    const last = this.#last;
    if (last !== undefined && last.prefix.length === prefixLength && id.startsWith(last.prefix)) return last;
    return this.of(id.slice(0, prefixLength));
  }

  of(prefix: string): Asker {
    // A map that changes with each request leaves tables behind that V8 takes for old (contracts/number-table.ts).
    if (this.#last?.prefix === prefix) return this.#last;
    const asker = this.#askers.get(prefix) ?? { prefix, open: new NumberTable(), over: new NotedNumbers() };
    // The order of the map is the order in which askers were last heard of.
    this.#askers.delete(prefix);
    this.#askers.set(prefix, asker);
    this.#last = asker;
    if (this.#askers.size > MAX_ASKERS) this.#forgetOne();
    return asker;
  }

  #forgetOne(): void {
    for (const asker of this.#askers.values()) {
      if (asker.open.size > 0 || asker === this.#last) continue;
      this.#askers.delete(asker.prefix);
      this.#hasForgotten = true;
      return;
    }
  }
}
