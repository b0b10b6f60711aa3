export interface BackoffOptions {
  firstMs: number;
  maxMs: number;
  /** How long without a failure the count lasts. After that the next failure is the first again. */
  forgetAfterMs: number;
}

/** Counts failures; returns how long to wait before the next try: no time after the first, then doubling. */
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
