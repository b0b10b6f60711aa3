/**
 * Finds out that the server of a connection is silent, in place of the client library's pings at intervals: each of these wakes this
 * process twice and the server once, also where other messages show that the server is there.
 *
 * I1  A server that was heard within `SILENCE_MS` is not asked. A silent one is asked by one PING, and has `ANSWER_MS` for any byte.
 * I2  A server that hangs is left within 4.5 s (docs/cluster.md).
 * I3  Silence counts only while this process runs: after a pause of its own, the answer may lie unread in the socket.
 */

/** The part of the library's protocol that its own pings use. */
export interface Pinged {
  /** Sends a PING. Rejects when the connection breaks before the answer. */
  flush(): Promise<void>;
  /** Ends the connection to the server, and connects again. */
  disconnect(): void;
}

const SILENCE_MS = 2_500;
const ANSWER_MS = 2_000;
/** A timer that is later than this shows that the process was held up. */
const HELD_UP_MS = 500;

/** Has the methods of the library's `Heartbeat`, which its protocol calls. */
export class Liveness {
  readonly #pinged: Pinged;
  #timer: NodeJS.Timeout | undefined;
  #dueAtMs = 0;
  #heardAtMs = 0;
  /** When the PING left that waits for an answer. */
  #askedAtMs: number | undefined;

  constructor(pinged: Pinged) {
    this.#pinged = pinged;
  }

  /** Bytes came from the server. */
  heard(): void {
    this.#heardAtMs = performance.now();
  }

  /** The connection has a server. */
  start(): void {
    this.cancel();
    this.heard();
    this.#lookIn(SILENCE_MS);
  }

  /** `isStale`: the server does not answer. */
  cancel(isStale = false): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#askedAtMs = undefined;
    if (isStale) this.#pinged.disconnect();
  }

  #lookIn(waitMs: number): void {
    this.#dueAtMs = performance.now() + waitMs;
    this.#timer = setTimeout(() => this.#look(), waitMs);
  }

  #look(): void {
    const nowMs = performance.now();
    const isAnswered = this.#askedAtMs === undefined || this.#heardAtMs >= this.#askedAtMs;
    if (!isAnswered) {
      if (nowMs - this.#dueAtMs > HELD_UP_MS) this.#lookIn(ANSWER_MS);
      else this.cancel(true);
      return;
    }
    this.#askedAtMs = undefined;
    const leftMs = this.#heardAtMs + SILENCE_MS - nowMs;
    if (leftMs > 0) return this.#lookIn(leftMs);
    this.#askedAtMs = nowMs;
    this.#lookIn(ANSWER_MS);
    // The connection broke: the library starts anew when it has a server again.
    this.#pinged.flush().catch(() => this.cancel());
  }
}
