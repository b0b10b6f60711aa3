/** An upper bound of the work at a time. Work that finds no free slot waits, in the order of its arrival. */
export interface Slots {
  readonly free: number;
  /** The function that gives a free slot back; undefined if there is none. */
  tryTake(): (() => void) | undefined;
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
  const tryTake = () => {
    if (free === 0) return undefined;
    free -= 1;
    return releaser();
  };
  return {
    get free() {
      return free;
    },
    tryTake,
    async take(signal) {
      signal.throwIfAborted();
      const release = tryTake();
      if (release !== undefined) return release;
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
