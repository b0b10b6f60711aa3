import { EnterOp } from "../../../platform/boundary.ts";

/** The timers that an isolate asked for; the host keeps them, as an isolate has no clock of its own. */
export interface IsolateTimers {
  set(id: number, delayMs: number, owner: number): void;
  clear(id: number): void;
  /** Ends all of them: none fires after this. */
  close(): void;
}

/** The platform refuses more; an isolate that asks all the same has tampered with it. */
const MAX_TIMERS = 10_000;

export function createIsolateTimers(enter: (owner: number, op: number, id: number) => void): IsolateTimers {
  const timers = new Map<number, NodeJS.Timeout>();
  let isClosed = false;
  return {
    set(id, delayMs, owner) {
      if (isClosed || (timers.size >= MAX_TIMERS && !timers.has(id))) return;
      clearTimeout(timers.get(id));
      const timer = setTimeout(() => {
        timers.delete(id);
        enter(owner, EnterOp.timer, id);
      }, delayMs);
      timers.set(id, timer);
    },
    clear(id) {
      clearTimeout(timers.get(id));
      timers.delete(id);
    },
    close() {
      isClosed = true;
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
    },
  };
}
