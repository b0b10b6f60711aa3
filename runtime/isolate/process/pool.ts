/**
 * Isolates with the platform loaded, made ahead of their functions. Making one takes 5 ms on other threads.
 *
 * I1  Starts get isolates in the order in which they ask.
 * I2  An isolate in the making is nobody's: a start that finds none ready takes the next one that is made.
 * I3  The number that is kept ready grows with each start that has to wait, and shrinks with time.
 * I4  Isolates that no start waits for are made together, as one maker serves several, and after a pause, in which the starts
 *     under way are answered. The pause is long while more than half of them are ready.
 */
import type { Engine, Isolate, OnPost } from "../engine.ts";

export interface Pool {
  /** `isTrial`: the isolate is for a moment, and others will not be asked for because of it. */
  take(memoryMb: number, onPost: OnPost, options?: { isTrial?: boolean }): Promise<Isolate>;
  close(): void;
}

export interface PoolOptions {
  engine: Engine;
  /** The number of isolates that are kept ready at rest. */
  size: number;
  /** Upper bound of the isolates that are kept ready after many starts at once. Default 32. */
  maxSize?: number;
  /** How long one isolate beyond `size` stays without a start. Default a second. */
  shrinkMs?: number;
}

/** The memory limit of the isolates that are kept: the default of `limits.memoryMb`. Any other size is created on demand. */
const KEPT_MEMORY_MB = 128;

/** How long the pause is where few are ready: a start that took one is answered meanwhile. */
const SHORT_PAUSE_MS = 5;
/** How long the pause is where most are ready: further starts may come, and their isolates are made by the same maker. */
const LONG_PAUSE_MS = 60;

/** Upper bound of the isolates in the making: some are read from the snapshot while others boot. */
const MAX_MAKING = 8;

/** Default of `maxSize`: 80 MiB for the first half minute after a burst. */
const MAX_SIZE = 32;
/** Default of `shrinkMs`. */
const SHRINK_MS = 1_000;

interface Prepared {
  isolate: Isolate;
  adopt(onPost: OnPost): void;
}

export function createPool(options: PoolOptions): Pool {
  return new ReadyIsolates(options);
}

class ReadyIsolates implements Pool {
  readonly #engine: Engine;
  readonly #size: number;
  readonly #maxSize: number;
  readonly #shrinkMs: number;
  readonly #ready: Prepared[] = [];
  readonly #waiting: PromiseWithResolvers<Prepared>[] = [];
  /** The number of isolates to keep ready. */
  #wanted: number;
  #making = 0;
  /** The pause before the next isolates are made, and its end. */
  #pause: { timer: NodeJS.Timeout; endsAtMs: number } | undefined;
  #shrinking: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor({ engine, size, maxSize = MAX_SIZE, shrinkMs = SHRINK_MS }: PoolOptions) {
    this.#engine = engine;
    this.#size = size;
    this.#maxSize = Math.max(size, maxSize);
    this.#shrinkMs = shrinkMs;
    this.#wanted = size;
    this.#refillLater();
  }

  async take(memoryMb: number, onPost: OnPost, { isTrial = false } = {}): Promise<Isolate> {
    if (memoryMb !== KEPT_MEMORY_MB) return this.#engine.create(memoryMb, onPost);
    const prepared = this.#ready.pop() ?? (await this.#next(isTrial));
    this.#refillLater();
    prepared.adopt(onPost);
    return prepared.isolate;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#pause?.timer);
    clearInterval(this.#shrinking);
    for (const { isolate } of this.#ready.splice(0)) isolate.dispose();
  }

  #next(isTrial: boolean): Promise<Prepared> {
    const start = Promise.withResolvers<Prepared>();
    this.#waiting.push(start);
    if (!isTrial && this.#wanted < this.#maxSize) {
      this.#wanted += 1;
      this.#shrinking ??= setInterval(() => this.#shrink(), this.#shrinkMs).unref();
    }
    this.#makeForStarts();
    return start.promise;
  }

  #makeForStarts(): void {
    while (this.#making < Math.min(this.#waiting.length, MAX_MAKING)) void this.#make(false);
  }

  /** Makes those that are to be kept ready, after a pause (I4). */
  #refillLater(): void {
    if (this.#isClosed || this.#making > 0 || this.#missing() <= 0) return;
    const pauseMs = this.#ready.length > this.#wanted / 2 ? LONG_PAUSE_MS : SHORT_PAUSE_MS;
    const endsAtMs = performance.now() + pauseMs;
    if (this.#pause !== undefined && this.#pause.endsAtMs <= endsAtMs) return;
    clearTimeout(this.#pause?.timer);
    this.#pause = { timer: setTimeout(() => this.#refill(), pauseMs), endsAtMs };
  }

  #refill(): void {
    this.#pause = undefined;
    if (this.#making > 0) return;
    for (let missing = Math.min(this.#missing(), MAX_MAKING); missing > 0; missing--) void this.#make(true);
  }

  #missing(): number {
    return this.#wanted + this.#waiting.length - this.#ready.length - this.#making;
  }

  async #make(isAhead: boolean): Promise<void> {
    this.#making += 1;
    try {
      this.#place(await this.#prepare(isAhead));
    } catch (error) {
      // Without a start that waits the next one tries again, and reports the error.
      this.#waiting.shift()?.reject(error);
      return;
    } finally {
      this.#making -= 1;
    }
    this.#makeForStarts();
    this.#refillLater();
  }

  async #prepare(isAhead: boolean): Promise<Prepared> {
    let owner: OnPost | undefined;
    const receive: OnPost = (...message) => owner?.(...message);
    const isolate = await this.#engine.create(KEPT_MEMORY_MB, receive, { isAhead });
    return {
      isolate,
      adopt: (onPost) => {
        owner = onPost;
      },
    };
  }

  #place(prepared: Prepared): void {
    const start = this.#waiting.shift();
    if (start !== undefined) start.resolve(prepared);
    else if (this.#isClosed || this.#ready.length >= this.#wanted) prepared.isolate.dispose();
    else this.#ready.push(prepared);
  }

  #shrink(): void {
    this.#wanted -= 1;
    if (this.#ready.length > this.#wanted) this.#ready.shift()?.isolate.dispose();
    if (this.#wanted > this.#size) return;
    clearInterval(this.#shrinking);
    this.#shrinking = undefined;
  }
}
