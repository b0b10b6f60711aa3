/**
 * The news of events, for one hearer that takes them at its own pace.
 *
 * I1  The news that wait are bounded in number and bytes. Beyond that they are dropped, and the hearer is told that it missed some.
 * I2  A connection that was away may have missed some, too.
 */
import type { Nats } from "../connection.ts";
import type { StoredEvent } from "./event-message.ts";
import type { EventNews } from "./event-news.ts";

const MAX_EVENTS = 256;
const MAX_BYTES = 1024 * 1024;

export class LiveEvents {
  readonly #close: () => void;
  #waiting: StoredEvent[] = [];
  #bytes = 0;
  #hasMissed = false;
  #wake: (() => void) | undefined;

  constructor(nats: Nats, news: EventNews, pattern: string) {
    const leave = news.hear(pattern, (event) => this.#take(event));
    const forget = nats.onState((state) => {
      if (state === "connected") this.#miss();
    });
    this.#close = () => {
      forget();
      leave();
    };
  }

  shift(): StoredEvent | undefined {
    const event = this.#waiting.shift();
    if (event !== undefined) this.#bytes -= event.data.byteLength;
    return event;
  }

  /** Whether news were missed since the last call. The waiting ones stay. */
  takeMissed(): boolean {
    const hasMissed = this.#hasMissed;
    this.#hasMissed = false;
    return hasMissed;
  }

  /** Resolves when there is something to do: `false` when nothing came for that long, or the signal aborted. */
  async wait(forMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    if (this.#waiting.length > 0 || this.#hasMissed) return true;
    if (signal?.aborted === true) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const onAbort = () => resolve(false);
    const timer = setTimeout(onAbort, forMs);
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#wake = () => resolve(true);
    try {
      return await promise;
    } finally {
      this.#wake = undefined;
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  close(): void {
    this.#close();
    this.#waiting = [];
  }

  #take(event: StoredEvent): void {
    const { byteLength } = event.data;
    if (this.#waiting.length >= MAX_EVENTS || this.#bytes + byteLength > MAX_BYTES) {
      this.#waiting = [];
      this.#bytes = 0;
      this.#miss();
      return;
    }
    this.#bytes += byteLength;
    this.#waiting.push(event);
    this.#wake?.();
  }

  #miss(): void {
    this.#hasMissed = true;
    this.#wake?.();
  }
}
