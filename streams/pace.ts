/** The pace below which a sender counts as slow, bytes each second: that of a poor mobile connection. */
const MIN_BYTES_PER_SECOND = 16 * 1024;

/** How far the sender of a body is behind the pace that is expected of it. Only the time in which it is awaited counts. */
export class Pace {
  #behindMs = 0;
  #awaitedSinceMs: number | undefined;

  /** There is room for more, and nothing came yet. */
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
