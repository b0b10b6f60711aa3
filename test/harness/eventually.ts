import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 10;

/**
 * Calls `check` until it no longer throws, and resolves with its result. After `timeoutMs` (default 10,000) it rejects with the
 * last error.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { timeoutMs = 10_000 }: { timeoutMs?: number } = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() >= deadline) throw error;
      await sleep(POLL_MS);
    }
  }
}
