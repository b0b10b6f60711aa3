/**
 * A token bucket of bytes: what an instance may log. It fills by `limits.logBytesPerSecond`, up to what it may log at
 * once after it was silent.
 */
export interface LogBudget {
  /** Whether a line of so many bytes may be logged now. */
  take(bytes: number): boolean;
}

/** What may be logged at once, as the rate of so many seconds: a start that prints its configuration is no flood. */
const LOG_BURST_SECONDS = 2;

export function createLogBudget(bytesPerSecond: number, now: () => number = Date.now): LogBudget {
  const capacity = bytesPerSecond * LOG_BURST_SECONDS;
  let available = capacity;
  let filledAt = now();
  return {
    take(bytes) {
      const at = now();
      available = Math.min(capacity, available + (Math.max(0, at - filledAt) / 1_000) * bytesPerSecond);
      filledAt = at;
      // A single line may be larger than what fits: it passes when the bucket is full.
      if (available < Math.min(bytes, capacity)) return false;
      available -= bytes;
      return true;
    },
  };
}
