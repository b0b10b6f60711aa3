import { CallError } from "../../process/host-calls.ts";
import { createSlots } from "../slots.ts";

/** Upper bound of the exchanges of one instance at a time. */
const MAX_EXCHANGES = 100;
/** Upper bound of the time that an exchange waits for a slot. */
const MAX_WAIT_MS = 30_000;
/** How often unread bodies are looked for while an exchange waits. */
const SWEEP_MS = 100;

/** A response whose body the isolate has not read to its end. */
export interface UnreadBody {
  readonly isRead: boolean;
  drop(): void;
}

/**
 * The slots of an instance's exchanges. Most code that reads only a status never cancels the body: while an exchange waits for
 * a slot, bodies that the isolate has not begun to read are dropped, the oldest first.
 */
export class ExchangeSlots {
  readonly #slots = createSlots(MAX_EXCHANGES);
  /** The oldest body comes first. */
  readonly #unread = new Map<UnreadBody, number>();
  readonly #unreadMs: number;
  #waiting = 0;
  #sweep: NodeJS.Timeout | undefined;

  /** `unreadMs`: how long a body may lie unread before it can be dropped. */
  constructor(unreadMs: number) {
    this.#unreadMs = unreadMs;
  }

  /**
   * Resolves with the function that gives the slot back. Rejects with the signal's reason where it aborts before, and with a
   * CallError QuotaExceededError after `MAX_WAIT_MS`.
   */
  async take(signal: AbortSignal): Promise<() => void> {
    if (this.#slots.free > 0) return this.#slots.take(signal);
    const timeout = AbortSignal.timeout(MAX_WAIT_MS);
    this.#waiting += 1;
    this.#sweep ??= setInterval(() => this.#dropOldest(), SWEEP_MS);
    try {
      return await this.#slots.take(AbortSignal.any([signal, timeout]));
    } catch (error) {
      if (!timeout.aborted) throw error;
      const text = `${MAX_EXCHANGES} responses are open in this instance; read or cancel their bodies`;
      throw new CallError("QuotaExceededError", text);
    } finally {
      this.#waiting -= 1;
      if (this.#waiting === 0) {
        clearInterval(this.#sweep);
        this.#sweep = undefined;
      }
    }
  }

  /** A body goes to the isolate. */
  add(body: UnreadBody): void {
    this.#unread.set(body, performance.now());
  }

  /** A body has ended. */
  delete(body: UnreadBody): void {
    this.#unread.delete(body);
  }

  #dropOldest(): void {
    const before = performance.now() - this.#unreadMs;
    for (const [body, sinceMs] of this.#unread) {
      if (body.isRead || sinceMs > before) continue;
      body.drop();
      return;
    }
  }
}
