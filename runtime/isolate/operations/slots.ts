/** An upper bound of the work at a time. Work that finds no free slot waits, in the order of its arrival. */
export interface Slots {
  readonly free: number;
  /** Resolves with the function that gives the slot back. Rejects with the signal's reason where it aborts before. */
  take(signal: AbortSignal): Promise<() => void>;
}

export function createSlots(count: number): Slots {
  const waiting = new Set<() => void>();
  let free = count;
  const releaser = () => {
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      const [next] = waiting;
      if (next === undefined) free += 1;
      else next();
    };
  };
  return {
    get free() {
      return free;
    },
    async take(signal) {
      signal.throwIfAborted();
      if (free > 0) {
        free -= 1;
        return releaser();
      }
      return new Promise((resolve, reject) => {
        const settle = () => {
          waiting.delete(begin);
          signal.removeEventListener("abort", giveUp);
        };
        const begin = () => {
          settle();
          resolve(releaser());
        };
        const giveUp = () => {
          settle();
          reject(signal.reason);
        };
        waiting.add(begin);
        signal.addEventListener("abort", giveUp, { once: true });
      });
    },
  };
}
