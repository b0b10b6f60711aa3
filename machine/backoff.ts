export interface BackoffOptions {
  firstMs: number;
  maxMs: number;
  /** After so long without a failure the next one counts as the first again. */
  forgetAfterMs: number;
}

/** Counts failures and says how long to wait before the next try: none after the first, then doubling. */
export interface Backoff {
  fail(nowMs: number): number;
}

export function createBackoff({ firstMs, maxMs, forgetAfterMs }: BackoffOptions): Backoff {
  let failures = 0;
  let lastAt = 0;
  return {
    fail(nowMs) {
      if (nowMs - lastAt > forgetAfterMs) failures = 0;
      lastAt = nowMs;
      failures += 1;
      return failures === 1 ? 0 : Math.min(maxMs, firstMs * 2 ** (failures - 2));
    },
  };
}
