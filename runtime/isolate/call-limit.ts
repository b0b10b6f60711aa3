/** The ends of V8's limits are just behind a multiple of this. */
const SLOT_MS = 100;

/**
 * V8's limit of wall time for a call that may take so long, in whole milliseconds. A thread of isolated-vm wakes up at the end of
 * each limit, also where the call has ended long before. Limits that end together cost one awakening.
 */
export function callLimit(timeoutMs: number, nowMs = performance.now()): number {
  const endsAtMs = Math.ceil((nowMs + timeoutMs) / SLOT_MS) * SLOT_MS;
  return Math.ceil(endsAtMs - nowMs);
}
