/**
 * Isolates with the platform loaded, made ahead of their functions. Making one takes 5 ms on other threads.
 *
 * I1  Starts get isolates in the order in which they ask.
 * I2  An isolate in the making is nobody's: a start that finds none ready takes the next one that is made.
 * I3  The number that is kept ready grows with each start that has to wait, and shrinks with time.
 * I4  While no start waits, isolates are made one by one, and none is begun right after a start took one.
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

/** How long no isolate is begun that no start waits for, after one was taken: the start's first request is answered meanwhile. */
const PAUSE_MS = 5;

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
  /** Runs for `PAUSE_MS` after an isolate was taken. */
  #pausing: NodeJS.Timeout | undefined;
  #shrinking: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor({ engine, size, maxSize = MAX_SIZE, shrinkMs = SHRINK_MS }: PoolOptions) {
    this.#engine = engine;
    this.#size = size;
    this.#maxSize = Math.max(size, maxSize);
    this.#shrinkMs = shrinkMs;
    this.#wanted = size;
    this.#pause();
  }

  async take(memoryMb: number, onPost: OnPost, { isTrial = false } = {}): Promise<Isolate> {
    if (memoryMb !== KEPT_MEMORY_MB) return this.#engine.create(memoryMb, onPost);
    const prepared = this.#ready.pop() ?? (await this.#next(isTrial));
    this.#pause();
    prepared.adopt(onPost);
    return prepared.isolate;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#pausing);
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
    while (this.#making < Math.min(this.#waiting.length, MAX_MAKING)) void this.#make();
  }

  #pause(): void {
    if (this.#isClosed) return;
    clearTimeout(this.#pausing);
    this.#pausing = setTimeout(() => {
      this.#pausing = undefined;
      this.#refill();
    }, PAUSE_MS);
  }

  /** Makes one that is to be kept ready, outside of a pause. */
  #refill(): void {
    if (this.#pausing !== undefined || this.#isClosed || this.#making > 0) return;
    if (this.#ready.length < this.#wanted) void this.#make();
  }

  async #make(): Promise<void> {
    this.#making += 1;
    try {
      this.#place(await this.#prepare());
    } catch (error) {
      // Without a start that waits the next one tries again, and reports the error.
      this.#waiting.shift()?.reject(error);
      return;
    } finally {
      this.#making -= 1;
    }
    this.#makeForStarts();
    this.#refill();
  }

  async #prepare(): Promise<Prepared> {
    let owner: OnPost | undefined;
    const isolate = await this.#engine.create(KEPT_MEMORY_MB, (...message) => owner?.(...message));
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
