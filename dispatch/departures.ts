/**
 * Instances that departed, and the waits for instances that start.
 *
 * I1  A departed id stays departed: ids are not reused.
 * I2  A wait ends once: with the instance ready, with its departure, or by its signal.
 */
import { BoundedMap, type GoneReason } from "../contracts/index.ts";

export interface Departure {
  reason: GoneReason;
  /** A code of the error catalogue, where the instance failed. */
  code: string | undefined;
}

/** The end of a start. */
export type StartResult = "ready" | Departure;

/** Upper bound of the departed ids that are remembered. Late answers come within seconds; this is hours of churn. */
const MAX_DEPARTED = 10_000;

export class Departures {
  readonly #departed = new BoundedMap<string, Departure>(MAX_DEPARTED);
  readonly #waiting = new Map<string, Set<(result: StartResult) => void>>();

  has(id: string): boolean {
    return this.#departed.has(id);
  }

  add(id: string, departure: Departure): void {
    this.#departed.set(id, departure);
    this.#resolve(id, departure);
  }

  /** The instance is ready. */
  arrive(id: string): void {
    this.#resolve(id, "ready");
  }

  /** The end of an instance's start; undefined where `signal` was aborted before. */
  settled(id: string, isReady: boolean, signal: AbortSignal): Promise<StartResult | undefined> {
    const departure = this.#departed.get(id);
    if (departure !== undefined) return Promise.resolve(departure);
    if (isReady) return Promise.resolve("ready");
    return signal.aborted ? Promise.resolve(undefined) : this.#waitFor(id, signal);
  }

  #resolve(id: string, result: StartResult): void {
    for (const resolve of this.#waiting.get(id) ?? []) resolve(result);
  }

  #waitFor(id: string, signal: AbortSignal): Promise<StartResult | undefined> {
    const { promise, resolve } = Promise.withResolvers<StartResult | undefined>();
    const waiters = this.#waiting.get(id) ?? new Set();
    const finish = (result: StartResult | undefined) => {
      signal.removeEventListener("abort", giveUp);
      waiters.delete(finish);
      if (waiters.size === 0) this.#waiting.delete(id);
      resolve(result);
    };
    const giveUp = () => finish(undefined);
    waiters.add(finish);
    this.#waiting.set(id, waiters);
    signal.addEventListener("abort", giveUp, { once: true });
    return promise;
  }
}
