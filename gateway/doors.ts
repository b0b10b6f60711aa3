/**
 * The doors of a gateway, opened in their order and closed together.
 *
 * I1  A door may use the addresses of the doors before it.
 * I2  While a door drains, dispatch still answers. It is aborted when all doors have drained, or the grace is over.
 * I3  A door closes after dispatch was aborted, so that the last answers can be written.
 */
import { warnOfDrain } from "../contracts/index.ts";
import { aborted, type Dispatcher } from "../dispatch/index.ts";
import type { Addresses, Door } from "./door.ts";

export class Doors {
  readonly #doors: readonly Door[];
  readonly #dispatcher: Pick<Dispatcher, "idle" | "warn" | "abort">;
  readonly #addresses = new Map<string, string>();

  constructor(doors: readonly Door[], dispatcher: Pick<Dispatcher, "idle" | "warn" | "abort">) {
    this.#doors = doors;
    this.#dispatcher = dispatcher;
  }

  /** The addresses of the doors that are open. */
  get addresses(): Addresses {
    return this.#addresses;
  }

  /** Opens all doors. Error: that of the first door that cannot open; `close` then closes the others. */
  async listen(): Promise<void> {
    for (const door of this.#doors) this.#addresses.set(door.name, await door.listen());
  }

  /** Has clients go to other gateways (`Door.leave`). Resolves when no client is connected, after `forMs` at the latest. */
  async leave(forMs: number): Promise<void> {
    await Promise.all(this.#doors.map((door) => door.leave?.(forMs)));
  }

  /** Finishes all requests, within `graceMs`, and closes. */
  async drain(graceMs: number): Promise<void> {
    const dispatcher = this.#dispatcher;
    const grace = aborted(AbortSignal.timeout(graceMs));
    const callOff = warnOfDrain(graceMs, (whom) => dispatcher.warn(whom));
    const drained = Promise.all(this.#doors.map((door) => door.drain({ graceMs })));
    await Promise.race([drained.then(() => dispatcher.idle()), grace]);
    callOff();
    dispatcher.abort();
    await this.close();
  }

  /** Closes all doors at once. */
  async close(): Promise<void> {
    await Promise.all(this.#doors.map((door) => door.close()));
  }
}
