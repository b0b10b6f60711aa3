import { headerNames, type NumberTable } from "../../contracts/index.ts";
import type { Headers } from "../headers.ts";
import type { Witness } from "../message.ts";
import { formatNumber } from "../request-number.ts";
import type { NotedNumbers } from "./noted-numbers.ts";

/** An asker whose requests a ledger notes. */
export interface Asker {
  /** The subject of a request's replies is this prefix, and the request's number in base 36. */
  readonly prefix: string;
  /** Its requests under way, by number. */
  readonly open: NumberTable<NotedRequest>;
  /** The numbers of those that are over. */
  readonly over: NotedNumbers;
}

/** The part of a ledger that its requests need. */
export interface Keeper {
  /** Whether the reply may get lost to a request that came at this time, by `performance.now()`. */
  mayGetLost(takenAtMs: number): boolean;
  keep(id: string, data: Uint8Array | string, headers: Headers | undefined): void;
}

/** A request under way in a ledger. */
export class NotedRequest implements Witness {
  readonly #keeper: Keeper;
  readonly #asker: Asker;
  readonly #number: number;
  readonly #takenAtMs = performance.now();
  #isAnswered = false;

  constructor(keeper: Keeper, asker: Asker, number: number) {
    this.#keeper = keeper;
    this.#asker = asker;
    this.#number = number;
    asker.open.set(number, this);
  }

  /** The answer, or its head, was sent. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** Whether an answer that leaves now is to be kept. A carrier other than NATS forms it as a message for that alone. */
  get mayGetLost(): boolean {
    return this.#keeper.mayGetLost(this.#takenAtMs);
  }

  /** An answer was sent: it is kept where it was lost, or may get lost, unless it begins a stream. */
  noteAnswer(data: Uint8Array | string, headers: Headers | undefined, isLost = false): void {
    this.#isAnswered = true;
    const beginsStream = headers?.has(headerNames.stream) === true;
    if (beginsStream || !(isLost || this.mayGetLost)) return;
    this.#keeper.keep(this.#asker.prefix + formatNumber(this.#number), data, headers);
  }

  /** The head of an answer was sent whose body follows. */
  noteHead(): void {
    this.#isAnswered = true;
  }

  end(): void {
    // The number may be another request's by now.
    if (this.#asker.open.get(this.#number) === this) this.#asker.open.delete(this.#number);
    this.#asker.over.note(this.#number);
  }
}
