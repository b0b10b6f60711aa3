/** Lower bound of a sender's pace, bytes each second: a poor mobile connection. Below it a sender is slow. */
const MIN_BYTES_PER_SECOND = 16 * 1024;

/** How far the sender of a body is behind the lowest pace. Only the time counts in which its bytes are awaited. */
export class Pace {
  #behindMs = 0;
  #awaitedSinceMs: number | undefined;

  /** There is room for more bytes, and the wait for them begins. */
  await(): void {
    this.#awaitedSinceMs ??= performance.now();
  }

  /** Bytes came. */
  arrived(bytes: number): void {
    this.#behindMs = Math.max(0, this.behindMs - (bytes * 1_000) / MIN_BYTES_PER_SECOND);
    this.#awaitedSinceMs = undefined;
  }

  get behindMs(): number {
    const since = this.#awaitedSinceMs;
    return this.#behindMs + (since === undefined ? 0 : performance.now() - since);
  }
}
