/** The budget of bytes that an instance may log: a token bucket that `limits.logBytesPerSecond` fills. */
export interface LogBudget {
  /** Takes the bytes of a line out of the budget. Returns whether there were as many. */
  take(bytes: number): boolean;
}

/** Upper bound of a burst, in seconds of the rate: a start that prints its configuration is no flood. */
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
      // A single line may be larger than the bucket. It passes when the bucket is full.
      if (available < Math.min(bytes, capacity)) return false;
      available -= bytes;
      return true;
    },
  };
}
