import type { GuestMessage, TracedGuest } from "./guest-message.ts";

/**
 * The requests that a program has taken and not answered.
 *
 * I1  A request is open from its delivery to the first message to its reply subject, to the end of its connection, or until
 *     its time is over.
 * I2  A reply subject may be answered further, as by a stream, while it is remembered; the oldest is forgotten first.
 */
export class GuestRequests {
  /** How many requests came. */
  total = 0;
  readonly #timeoutMs: number;
  readonly #open = new Map<string, { sinceMs: number; traced: TracedGuest | undefined }>();
  readonly #remembered = new Set<string>();
  readonly #waiters = new Set<() => void>();
  #idleSince = Date.now();

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  get inFlight(): number {
    return this.#open.size;
  }

  /** Epoch milliseconds; undefined while a request is open. */
  get idleSince(): number | undefined {
    this.#expire();
    return this.#open.size > 0 ? undefined : this.#idleSince;
  }

  has(reply: string): boolean {
    return this.#open.has(reply);
  }

  take(reply: string | undefined, traced?: TracedGuest): void {
    this.total += 1;
    this.#idleSince = Date.now();
    if (reply === undefined) return;
    this.#expire();
    this.#open.set(reply, { sinceMs: Date.now(), traced });
    this.#remembered.add(reply);
    if (this.#remembered.size <= MAX_REMEMBERED) return;
    for (const oldest of this.#remembered) {
      this.#remembered.delete(oldest);
      break;
    }
  }

  /** Whether a subject is that of a request's reply: the program may publish there. */
  answer(subject: string, message: () => GuestMessage): boolean {
    if (!this.#remembered.has(subject)) return false;
    this.#end(subject, message);
    return true;
  }

  /** The request has no answer any more. */
  drop(reply: string): void {
    this.#end(reply, () => "lost");
  }

  #end(reply: string, how: () => GuestMessage | "lost" | "late"): void {
    const { traced } = this.#open.get(reply) ?? {};
    if (!this.#open.delete(reply)) return;
    traced?.over(how());
    this.#idleSince = Date.now();
    if (this.#open.size > 0) return;
    for (const resolve of this.#waiters) resolve();
    this.#waiters.clear();
  }

  /** Resolves when no request is open, or after `graceMs`. */
  async empty(graceMs: number): Promise<void> {
    if (this.#open.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.add(resolve);
    const timer = setTimeout(resolve, graceMs);
    await promise;
    clearTimeout(timer);
    this.#waiters.delete(resolve);
  }

  /** The map keeps the order of arrival. */
  #expire(): void {
    const now = Date.now();
    for (const [reply, { sinceMs }] of this.#open) {
      if (now - sinceMs < this.#timeoutMs) return;
      this.#end(reply, () => "late");
    }
  }
}

/** Upper bound of the replies that a program may still send to. */
const MAX_REMEMBERED = 20_000;
