/**
 * The order in which isolates use the threads of libuv's pool for cryptography and compression.
 *
 * The whole process has one pool. It takes work in the order of its arrival, and no work in it can be stopped: a function that asks
 * for a thousand key derivations would make all others wait, also for DNS.
 *
 * I1  At most `threads` pieces of work run at a time, one less than the pool has threads: one is always free for other work.
 * I2  An isolate has at most `perLane` of them, and isolates take turns: the queue of one isolate delays no other.
 * I3  An isolate's own work starts in the order of its arrival.
 */
export interface Lane {
  /** Does the work in its turn. Rejects with the signal's reason where it aborts before. */
  run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

export interface Lanes {
  /** A lane for one isolate. */
  open(): Lane;
}

export interface LanesOptions {
  threads: number;
  perLane: number;
}

interface LaneState {
  running: number;
  waiting: (() => void)[];
}

export function createLanes({ threads, perLane }: LanesOptions): Lanes {
  let running = 0;
  /** The lanes with waiting work, in the order of their turns. */
  let turns: LaneState[] = [];

  const next = () => {
    while (running < threads) {
      const lane = turns.find((candidate) => candidate.running < perLane);
      const start = lane?.waiting.shift();
      if (lane === undefined || start === undefined) return;
      turns = turns.filter((other) => other !== lane);
      if (lane.waiting.length > 0) turns.push(lane);
      start();
    }
  };

  return {
    open() {
      const lane: LaneState = { running: 0, waiting: [] };
      return {
        async run(work, signal) {
          signal.throwIfAborted();
          await new Promise<void>((resolve, reject) => {
            const start = () => {
              signal.removeEventListener("abort", giveUp);
              running += 1;
              lane.running += 1;
              resolve();
            };
            const giveUp = () => {
              lane.waiting = lane.waiting.filter((other) => other !== start);
              if (lane.waiting.length === 0) turns = turns.filter((other) => other !== lane);
              reject(signal.reason);
            };
            signal.addEventListener("abort", giveUp, { once: true });
            lane.waiting.push(start);
            if (lane.waiting.length === 1) turns.push(lane);
            next();
          });
          try {
            return await work();
          } finally {
            running -= 1;
            lane.running -= 1;
            next();
          }
        },
      };
    },
  };
}

/** The number of threads in libuv's pool, unless the environment sets another. */
const POOL_THREADS = 4;

/** The lanes of this process' pool. */
export const poolLanes = createLanes({ threads: POOL_THREADS - 1, perLane: 2 });
