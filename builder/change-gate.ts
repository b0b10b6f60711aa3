import { setTimeout as sleep } from "node:timers/promises";

/** How long a folder must be quiet before a build. One save causes several events. */
const QUIET_MS = 10;

/** Upper bound of the wait for a quiet folder. */
const MAX_WAIT_MS = 100;

export interface ChangeGate {
  notify(): void;
  /** Resolves after a change since the last call, once the folders are quiet, or when the signal aborts. */
  passChange(): Promise<void>;
}

/** Joins the many events of an editor into one change. */
export function createChangeGate(signal: AbortSignal): ChangeGate {
  let changed = Promise.withResolvers<void>();
  let firstAt: number | undefined;
  let lastAt = 0;
  signal.addEventListener("abort", () => changed.resolve(), { once: true });

  return {
    notify() {
      lastAt = performance.now();
      firstAt ??= lastAt;
      changed.resolve();
    },
    async passChange() {
      if (!signal.aborted) await changed.promise;
      for (;;) {
        const now = performance.now();
        const waitMs = Math.min(lastAt + QUIET_MS, (firstAt ?? now) + MAX_WAIT_MS) - now;
        if (signal.aborted || waitMs <= 0) break;
        await sleep(waitMs);
      }
      changed = Promise.withResolvers();
      firstAt = undefined;
    },
  };
}
