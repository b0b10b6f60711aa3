import type { Engine, OnPost, Sandbox } from "../engine.ts";

/** Isolates that wait, platform loaded, for a function. */
export interface Pool {
  take(memoryMb: number, onPost: OnPost): Promise<Sandbox>;
  close(): void;
}

export interface PoolOptions {
  engine: Engine;
  /** How many are kept ready. */
  size: number;
}

/** The memory limit of the isolates that are kept: the default of `limits.memoryMb`. Another one is made when asked for. */
const KEPT_MEMORY_MB = 128;

/** Making an isolate holds the process' thread for some 5 ms: the pool is refilled after the start that emptied it. */
const REFILL_DELAY_MS = 20;

interface Prepared {
  sandbox: Sandbox;
  adopt(onPost: OnPost): void;
}

export function createPool({ engine, size }: PoolOptions): Pool {
  const ready: Prepared[] = [];
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  const prepare = async (): Promise<Prepared> => {
    let owner: OnPost | undefined;
    const sandbox = await engine.create(KEPT_MEMORY_MB, (...message) => owner?.(...message));
    return {
      sandbox,
      adopt: (onPost) => {
        owner = onPost;
      },
    };
  };
  const refill = () => {
    if (timer !== undefined || isClosed || ready.length >= size) return;
    timer = setTimeout(async () => {
      // One that cannot be made now is made when it is asked for, and whoever asks is told why it cannot.
      const prepared = await prepare().catch(() => undefined);
      timer = undefined;
      if (prepared === undefined) return;
      if (isClosed) prepared.sandbox.dispose();
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
      return prepared.sandbox;
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
      for (const { sandbox } of ready.splice(0)) sandbox.dispose();
    },
  };
}
