/**
 * The last messages that were settled here. A server that is killed forgets the acks of its last moments, also confirmed ones, and
 * delivers their messages again as if for the first time.
 *
 * I1  A message counts as settled only where the consumer was away since then, so that an operator may set a consumer back.
 * I2  Another consumer of the same name has forgotten nothing: it begins as it was made to.
 */

/** Servers write the state of a consumer down several times a second. */
const RECENT_MS = 60_000;
/** Upper bound of the messages that are remembered. */
const MAX_MESSAGES = 4_096;
/** How long a server that is back may deliver messages again, in waits for an ack. */
const ACK_WAITS = 4;

export class SettledMessages {
  readonly #ackWaitMs: number;
  /** By sequence: when it was settled. In this order. */
  readonly #recent = new Map<number, number>();
  readonly #doubtful = new Set<number>();
  #doubtfulUntilMs = 0;
  #consumer: string | undefined;

  constructor(ackWaitMs: number) {
    this.#ackWaitMs = ackWaitMs;
  }

  settled(sequence: number, nowMs: number): void {
    this.#recent.delete(sequence);
    this.#recent.set(sequence, nowMs);
    for (const [oldest, atMs] of this.#recent) {
      if (this.#recent.size <= MAX_MESSAGES && nowMs - atMs <= RECENT_MS) break;
      this.#recent.delete(oldest);
    }
  }

  /** The consumer can be read, for the first time or again. `made`: when it was made. */
  ready(made: string, nowMs: number): void {
    this.#doubtful.clear();
    if (made === this.#consumer) for (const sequence of this.#recent.keys()) this.#doubtful.add(sequence);
    else this.#recent.clear();
    this.#doubtfulUntilMs = nowMs + ACK_WAITS * this.#ackWaitMs;
    this.#consumer = made;
  }

  /** Whether this message was settled, and comes because the server forgot it. It is asked once for each. */
  takeForgotten(sequence: number, nowMs: number): boolean {
    if (!this.#doubtful.delete(sequence)) return false;
    return nowMs <= this.#doubtfulUntilMs;
  }
}
