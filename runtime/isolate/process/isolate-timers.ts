import { EnterOp } from "../../../web/index.ts";

/** The timers of an isolate. The host keeps them, as an isolate has no event loop of its own. */
export interface IsolateTimers {
  set(id: number, delayMs: number, owner: number): void;
  clear(id: number): void;
  /** Clears all timers: none fires after this. */
  close(): void;
}

/** Upper bound of the platform's own timers. The platform itself bounds the timers of user code by `limits.timers`. */
const PLATFORM_TIMERS = 10;

export function createIsolateTimers(
  maxTimers: number,
  enter: (owner: number, op: number, id: number) => void,
): IsolateTimers {
  const timers = new Map<number, () => void>();
  let isClosed = false;
  return {
    set(id, delayMs, owner) {
      // Only a platform that was tampered with asks for more.
      if (isClosed || (timers.size >= maxTimers + PLATFORM_TIMERS && !timers.has(id))) return;
      timers.get(id)?.();
      const fire = () => {
        timers.delete(id);
        enter(owner, EnterOp.timer, id);
      };
      if (delayMs < 0) {
        const immediate = setImmediate(fire);
        timers.set(id, () => clearImmediate(immediate));
      } else {
        const timeout = setTimeout(fire, delayMs);
        timers.set(id, () => clearTimeout(timeout));
      }
    },
    clear(id) {
      timers.get(id)?.();
      timers.delete(id);
    },
    close() {
      isClosed = true;
      for (const stop of timers.values()) stop();
      timers.clear();
    },
  };
}
