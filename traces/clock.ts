/** How far the two clocks may go apart before they are set again: the system's clock is corrected now and then. */
const MAX_DRIFT_MS = 2;

let originMs = performance.timeOrigin;

/** Epoch milliseconds with fractions, at a time of `performance.now()`. */
export function epochMs(atMs = performance.now()): number {
  const drift = Date.now() - (originMs + performance.now());
  if (Math.abs(drift) > MAX_DRIFT_MS) originMs += drift;
  return originMs + atMs;
}
