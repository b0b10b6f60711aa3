import type { Headers } from "../headers.ts";

/**
 * Replies that may have been lost on their way, under the subjects that they were sent to. They are kept for `KEEP_MS`, and
 * `MAX_KEPT_BYTES` in all at most: the oldest go first.
 */
export class KeptReplies {
  readonly #kept = new Map<string, KeptReply>();
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  get(subject: string): KeptReply | undefined {
    return this.#kept.get(subject);
  }

  keep(subject: string, data: Uint8Array | string, headers: Headers | undefined): void {
    this.#drop(subject);
    const size = data.length + OVERHEAD_BYTES;
    if (size > MAX_KEPT_BYTES) return;
    this.#kept.set(subject, { data, headers, size, atMs: performance.now() });
    this.#bytes += size;
    this.#dropOldest(() => this.#bytes > MAX_KEPT_BYTES);
    this.#timer ??= setInterval(() => this.#dropStale(), KEEP_MS / 2).unref();
  }

  clear(): void {
    this.#dropOldest(() => true);
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #dropStale(): void {
    const sinceMs = performance.now() - KEEP_MS;
    this.#dropOldest(({ atMs }) => atMs < sinceMs);
    if (this.#kept.size === 0) this.clear();
  }

  #dropOldest(mayGo: (reply: KeptReply) => boolean): void {
    for (const [subject, reply] of this.#kept) {
      if (!mayGo(reply)) return;
      this.#drop(subject);
    }
  }

  #drop(subject: string): void {
    this.#bytes -= this.#kept.get(subject)?.size ?? 0;
    this.#kept.delete(subject);
  }
}

interface KeptReply {
  data: Uint8Array | string;
  headers: Headers | undefined;
  size: number;
  atMs: number;
}

/** An asker whose connection broke asks again as soon as it is back, at the latest some seconds after its server. */
const KEEP_MS = 20_000;
const MAX_KEPT_BYTES = 8 * 1024 * 1024;
/** A reply's header fields and its entry, roughly. */
const OVERHEAD_BYTES = 1_024;
