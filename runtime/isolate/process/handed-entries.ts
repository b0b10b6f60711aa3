/**
 * The entries that an isolate has, and the calls that run them (web/host/batch.ts).
 *
 * I1  Entries run in the order in which they were handed over, and are numbered from 1 in that order.
 * I2  Calls end in the order in which they were made. The entries that a call has begun have ended with it. The isolate keeps the
 *     others for the next call.
 * I3  An entry that did not arrive has no place of its own: it ends with the next one that has begun, or is dropped.
 * I4  Of two calls under way the isolate may already work on the second. The first one's last entry counts as the one that runs
 *     until the host knows its end.
 */
import { MAX_CALLS } from "../../../web/index.ts";

export class HandedEntries<Entry extends { readonly owner: number }> {
  readonly #entries: Entry[] = [];
  /** The number of the last entry that a call has begun, as the isolate notes it. */
  readonly #noted: (call: number) => number;
  /** The number of entries that have ended. */
  #ended = 0;
  #made = 0;
  #underWay = 0;

  constructor(noted: (call: number) => number) {
    this.#noted = noted;
  }

  get count(): number {
    return this.#entries.length;
  }

  get callsUnderWay(): number {
    return this.#underWay;
  }

  [Symbol.iterator](): Iterator<Entry> {
    return this.#entries.values();
  }

  add(entry: Entry): void {
    this.#entries.push(entry);
  }

  beginCall(): void {
    this.#made += 1;
    this.#underWay += 1;
  }

  /** The first call under way has ended. Returns the entries that have ended with it. */
  endCall(): readonly Entry[] {
    const last = this.running;
    const ended = this.#entries.splice(0, last - this.#ended);
    this.#ended = last;
    this.#underWay -= 1;
    return ended;
  }

  /** No entry begins any more of the ones that were handed over. Returns the ones that have not ended. */
  drop(): readonly Entry[] {
    const dropped = this.#entries.splice(0);
    this.#ended += dropped.length;
    return dropped;
  }

  #lastOf(call: number): number {
    return Math.min(Math.max(this.#noted(call), this.#ended), this.#ended + this.#entries.length);
  }

  /** The number of the entry that runs; of the last one that ended, if none does. */
  get running(): number {
    return this.#underWay === 0 ? this.#ended : this.#lastOf(this.#made - this.#underWay + 1);
  }

  /** The owner of the entry that runs; 0 if none does. */
  get owner(): number {
    return this.#entries[this.running - this.#ended - 1]?.owner ?? 0;
  }

  /** The owners of the entries from a number on, up to the one that runs. Entries that have ended are left out. */
  ownersFrom(number: number): number[] {
    const owners: number[] = [];
    const from = Math.max(number, this.#ended + 1);
    for (let at = from - this.#ended - 1; at < this.running - this.#ended; at++)
      owners.push(this.#entries[at]?.owner ?? 0);
    return owners;
  }

  /** The entries that have begun and not ended, also the ones of a call whose end the host does not know. */
  get begun(): readonly Entry[] {
    let last = this.#ended;
    for (let call = this.#made; call > this.#made - MAX_CALLS; call--)
      last = Math.max(last, this.#lastOf(call));
    return this.#entries.slice(0, last - this.#ended);
  }

  countOf(owner: number): number {
    let count = 0;
    for (const entry of this.#entries) if (entry.owner === owner) count += 1;
    return count;
  }
}
