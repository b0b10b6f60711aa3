/**
 * The places of an instance, where functions call it beside gateways: none of them sees the others' requests.
 *
 * I1  A call of a function is taken while a place is free. A request of a gateway is refused for want of a place only while calls have
 *     places: gateways keep to the concurrency themselves, and lend the places of slow bodies.
 * I2  A request of a gateway waits there after a refusal. The instance tells of places that become free, and calls are refused for
 *     `RESERVED_MS` meanwhile: else they would take each place before the gateway hears of it.
 */
import type { OpenRequests } from "./open-requests.ts";

export interface RoomOptions {
  concurrency: number;
  requests: Pick<OpenRequests, "hasRoom" | "freePlaces" | "calls">;
  /** Tells the gateways how many places are free. */
  announce(free: number): void;
}

/** How long after a refusal the instance tells of its places. */
const AWAITED_MS = 500;
/** How long places are kept for gateways that were told of them. */
const RESERVED_MS = 50;

export class Room {
  readonly #options: RoomOptions;
  #awaitedUntilMs = 0;
  #reservedUntilMs = 0;
  #telling: NodeJS.Immediate | undefined;

  constructor(options: RoomOptions) {
    this.#options = options;
  }

  /** Whether there is room for a call with this request id. */
  takesCall(requestId: string | undefined): boolean {
    const { requests, concurrency } = this.#options;
    const isReserved = this.#reservedUntilMs > 0 && performance.now() < this.#reservedUntilMs;
    // Nothing is free for a call that others wait for, but it may go on behalf of a request that is here.
    return requests.hasRoom(isReserved ? 0 : concurrency, requestId);
  }

  /** Whether there is room for a request of a gateway. `requestId` is read where that is in question. */
  takesRequest(requestId: () => string | undefined): boolean {
    const { requests, concurrency } = this.#options;
    const isFree = requests.calls === 0 || requests.freePlaces(concurrency) > 0;
    if (isFree || requests.hasRoom(concurrency, requestId())) return true;
    this.#awaitedUntilMs = performance.now() + AWAITED_MS;
    return false;
  }

  /** A place became free. */
  freed(): void {
    if (this.#awaitedUntilMs === 0) return;
    if (performance.now() > this.#awaitedUntilMs) this.#awaitedUntilMs = 0;
    // Places that become free together are told together.
    else this.#telling ??= setImmediate(() => this.#tell());
  }

  close(): void {
    clearImmediate(this.#telling);
  }

  #tell(): void {
    const { requests, concurrency, announce } = this.#options;
    this.#telling = undefined;
    const free = requests.freePlaces(concurrency);
    if (free === 0) return;
    this.#reservedUntilMs = performance.now() + RESERVED_MS;
    announce(free);
  }
}
