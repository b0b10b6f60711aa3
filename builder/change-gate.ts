import { setTimeout as sleep } from "node:timers/promises";

/** A save is several events; no more of them for so long is taken for its end. */
const QUIET_MS = 10;

/** Something that changes without a pause is built nevertheless. */
const MAX_WAIT_MS = 100;

export interface ChangeGate {
  notify(): void;
  /** Resolves when there was a change since the last call and it has come to rest, or when the signal aborts. */
  passChange(): Promise<void>;
}

/** Makes one change of the many events that an editor causes. */
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
