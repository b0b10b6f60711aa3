/**
 * The time of the stream's server, whose timers wake workflows. A node's own clock may be wrong by hours, or step.
 *
 * C1  A difference that a request's way explains, or that is small, counts as none: clocks that are kept right agree that far.
 * C2  The server is asked again when its answer is old, or the node's clock has jumped since. At rest nothing is asked.
 * C3  A lost answer holds a workflow up for `ANSWER_MS`. Where none comes it waits for all tries: its journal is silent, too, and
 *     keeps the times that it gets.
 */
import { jetstreamManager } from "@nats-io/jetstream";
import { stores } from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";

/** Upper bound of a difference that counts as none. */
const NONE_MS = 2_000;
const OLD_MS = 60_000;
/** How long an answer may take before the server is asked again: a connection that breaks loses it. */
const ANSWER_MS = 1_000;
const MOST_TRIES = 5;
/** How far the node's clock may go beside the time that has passed until it counts as a jump. */
const JUMP_MS = 1_000;

export class JournalClock {
  readonly #nats: Nats;
  #offsetMs = 0;
  #asked: { atMs: number; jumpsMs: number } | undefined;
  #asking: Promise<void> | undefined;

  constructor(nats: Nats) {
    this.#nats = nats;
  }

  /** Now, in epoch milliseconds; undefined: the node's clock is right. */
  async now(): Promise<number | undefined> {
    const offsetMs = await this.offsetMs();
    return offsetMs === 0 ? undefined : Date.now() + offsetMs;
  }

  /** The server's clock less the node's, in milliseconds. 0: the node's clock is right. Without an answer the last one stays. */
  async offsetMs(): Promise<number> {
    const { atMs, jumpsMs } = this.#asked ?? { atMs: Number.NEGATIVE_INFINITY, jumpsMs: 0 };
    const hasJumped = Math.abs(beside() - jumpsMs) > JUMP_MS;
    const looking = hasJumped || performance.now() - atMs > OLD_MS ? this.#look() : undefined;
    // A workflow waits for the first answer, and for one behind a jump.
    if (hasJumped) await looking;
    return this.#offsetMs;
  }

  #look(): Promise<void> {
    this.#asking ??= this.#ask()
      .catch(() => undefined)
      .finally(() => {
        this.#asking = undefined;
      });
    return this.#asking;
  }

  async #ask(): Promise<void> {
    const { before, after, ts } = await this.#serverTime();
    const offsetMs = Date.parse(ts ?? "") - (before + after) / 2;
    const isNone = !(Math.abs(offsetMs) > NONE_MS + (after - before) / 2);
    this.#offsetMs = isNone ? 0 : Math.round(offsetMs);
    this.#asked = { atMs: performance.now(), jumpsMs: beside() };
  }

  async #serverTime(): Promise<{ before: number; after: number; ts: string | undefined }> {
    const options = { checkAPI: false, timeout: ANSWER_MS };
    const manager = await jetstreamManager(this.#nats.connection, options);
    for (let tries = 1; ; tries += 1) {
      const before = Date.now();
      try {
        const { ts } = await manager.streams.info(stores.workflows.stream);
        return { before, after: Date.now(), ts };
      } catch (error) {
        if (tries === MOST_TRIES) throw error;
      }
    }
  }
}

/** The node's clock beside the time since its start: it changes by jumps alone. */
function beside(): number {
  return Date.now() - performance.now();
}
