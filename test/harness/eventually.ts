import { setTimeout as sleep } from "node:timers/promises";

const FIRST_POLL_MS = 10;
/** Upper bound of the pause between two looks. A wait of a minute would take a processor otherwise. */
const MAX_POLL_MS = 100;
/** The part of the time waited so far that a pause takes. */
const POLL_SHARE = 0.05;

/**
 * Calls `check` until it no longer throws, and resolves with its result. After `timeoutMs` (default 10,000) it rejects with the
 * last error.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { timeoutMs = 10_000 }: { timeoutMs?: number } = {},
): Promise<T> {
  const startedMs = performance.now();
  for (;;) {
    try {
      return await check();
    } catch (error) {
      const waitedMs = performance.now() - startedMs;
      if (waitedMs >= timeoutMs) throw error;
      await sleep(Math.min(Math.max(waitedMs * POLL_SHARE, FIRST_POLL_MS), MAX_POLL_MS));
    }
  }
}
