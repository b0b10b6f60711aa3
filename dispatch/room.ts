/**
 * The places at instances that others have: functions call instances straight, and several gateways count for themselves.
 *
 * I1  An instance that has refused a request gets no further one until it tells of room, or `UNKNOWN_MS` later: the word may be lost.
 */
import type { Instance } from "./instance.ts";

/** How long a word of an instance about its places counts. */
const UNKNOWN_MS = 250;

export class Rooms {
  readonly #onRoom: (instance: Instance) => void;
  readonly #timers = new Map<Instance, NodeJS.Timeout>();

  constructor(onRoom: (instance: Instance) => void) {
    this.#onRoom = onRoom;
  }

  /** The instance had no place for a request. */
  full(instance: Instance): void {
    this.#note(instance, instance.concurrency);
  }

  /** The instance tells how many places are free. */
  told(instance: Instance, free: number): void {
    this.#note(instance, Math.max(0, instance.concurrency - instance.inFlight - free));
    this.#onRoom(instance);
  }

  /** The instance is gone. */
  forget(instance: Instance): void {
    clearTimeout(this.#timers.get(instance));
    this.#timers.delete(instance);
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #note(instance: Instance, taken: number): void {
    instance.taken = taken;
    this.forget(instance);
    const forget = () => {
      this.#timers.delete(instance);
      instance.taken = 0;
      this.#onRoom(instance);
    };
    this.#timers.set(instance, setTimeout(forget, UNKNOWN_MS).unref());
  }
}
