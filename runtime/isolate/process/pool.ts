import type { Engine, Isolate, OnPost } from "../engine.ts";

/** Isolates with the platform loaded, ready for a function. */
export interface Pool {
  take(memoryMb: number, onPost: OnPost): Promise<Isolate>;
  close(): void;
}

export interface PoolOptions {
  engine: Engine;
  /** The number of isolates that are kept ready. */
  size: number;
}

/** The memory limit of the isolates that are kept: the default of `limits.memoryMb`. Any other size is created on demand. */
const KEPT_MEMORY_MB = 128;

/** How long a refill waits. Creating an isolate holds the thread for some 5 ms, which a start should not pay for. */
const REFILL_DELAY_MS = 20;

interface Prepared {
  isolate: Isolate;
  adopt(onPost: OnPost): void;
}

export function createPool({ engine, size }: PoolOptions): Pool {
  const ready: Prepared[] = [];
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  const prepare = async (): Promise<Prepared> => {
    let owner: OnPost | undefined;
    const isolate = await engine.create(KEPT_MEMORY_MB, (...message) => owner?.(...message));
    return {
      isolate,
      adopt: (onPost) => {
        owner = onPost;
      },
    };
  };
  const refill = () => {
    if (timer !== undefined || isClosed || ready.length >= size) return;
    timer = setTimeout(async () => {
      // After a failure here the next `take` tries again and reports the error.
      const prepared = await prepare().catch(() => undefined);
      timer = undefined;
      if (prepared === undefined) return;
      if (isClosed) prepared.isolate.dispose();
      else ready.push(prepared);
      refill();
    }, REFILL_DELAY_MS);
  };
  refill();

  return {
    async take(memoryMb, onPost) {
      if (memoryMb !== KEPT_MEMORY_MB) return engine.create(memoryMb, onPost);
      const prepared = ready.pop() ?? (await prepare());
      refill();
      prepared.adopt(onPost);
      return prepared.isolate;
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
      for (const { isolate } of ready.splice(0)) isolate.dispose();
    },
  };
}
