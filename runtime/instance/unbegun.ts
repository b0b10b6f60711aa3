/** A clock that was set is further away. */
const CLOCK_SLACK_MS = 50;

/**
 * How long it takes until a request is behind its deadline by the system's clock, in milliseconds. The sandbox begins no handler
 * behind that: only then it proves something that none began. Undefined: no caller asks, or the clock was set.
 */
export function msUntilProof(deadline: number | undefined): number | undefined {
  const leftMs = deadline === undefined ? undefined : Math.max(0, deadline - Date.now());
  return leftMs === undefined || leftMs >= CLOCK_SLACK_MS ? undefined : leftMs;
}
