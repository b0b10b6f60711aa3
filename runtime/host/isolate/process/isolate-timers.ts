/** The timers that an isolate asked for; the host keeps them, as an isolate has no clock of its own. */
export interface IsolateTimers {
  set(id: number, delayMs: number): void;
  clear(id: number): void;
  /** Ends all of them: none fires after this. */
  close(): void;
}

export function createIsolateTimers(fire: (id: number) => void): IsolateTimers {
  const timers = new Map<number, NodeJS.Timeout>();
  return {
    set(id, delayMs) {
      clearTimeout(timers.get(id));
      const timer = setTimeout(() => {
        timers.delete(id);
        fire(id);
      }, delayMs);
      timers.set(id, timer);
    },
    clear(id) {
      clearTimeout(timers.get(id));
      timers.delete(id);
    },
    close() {
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
    },
  };
}
