/**
 * Work that goes on after a request's answer (`ctx.waitUntil`).
 *
 * I1  It keeps the instance from being idle until it says that it is over, and for `limitMs` after its request at most:
 *     then `onLimit` says so, once.
 */
export interface BackgroundWork {
  /** Of requests that are over. */
  readonly size: number;
  has(id: number): boolean;
  begin(id: number): void;
  /** The request is over: what goes on has its time from now on. */
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
