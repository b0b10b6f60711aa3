/**
 * Work that goes on after a request's answer (`ctx.waitUntil`).
 *
 * I1  The instance is not idle until the work has ended. `limitMs` after its request the work counts as ended: `onLimit` is
 *     called once.
 */
export interface BackgroundWork {
  /** The number of requests that are over and have work that goes on. */
  readonly size: number;
  has(id: number): boolean;
  begin(id: number): void;
  /** The request is over: the time limit of its work begins. */
  outlive(id: number): void;
  end(id: number): void;
  close(): void;
}

export interface BackgroundWorkEvents {
  onOver(id: number): void;
  onLimit(id: number): void;
}

export function createBackgroundWork(limitMs: number, events: BackgroundWorkEvents): BackgroundWork {
  const begun = new Set<number>();
  const timers = new Map<number, NodeJS.Timeout>();
  const end = (id: number): boolean => {
    clearTimeout(timers.get(id));
    timers.delete(id);
    return begun.delete(id);
  };
  return {
    get size() {
      return timers.size;
    },
    has: (id) => begun.has(id),
    begin: (id) => void begun.add(id),
    outlive(id) {
      const timer = setTimeout(() => {
        if (!end(id)) return;
        events.onLimit(id);
        events.onOver(id);
      }, limitMs);
      timers.set(id, timer);
    },
    end(id) {
      if (end(id)) events.onOver(id);
    },
    close() {
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
      begun.clear();
    },
  };
}
