/** Lets so many pieces of work run at a time; the others wait for their turn, in order. */
export interface Turns {
  run<T>(work: () => Promise<T>): Promise<T>;
}

export function createTurns(max: number): Turns {
  const waiting: (() => void)[] = [];
  let running = 0;
  return {
    async run(work) {
      if (running >= max) await new Promise<void>((resolve) => waiting.push(resolve));
      else running += 1;
      try {
        return await work();
      } finally {
        const next = waiting.shift();
        // The turn is handed on: no other caller comes in between.
        if (next === undefined) running -= 1;
        else next();
      }
    },
  };
}
