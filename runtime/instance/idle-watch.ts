export interface IdleWatchOptions {
  idleMs: number;
  /** Epoch milliseconds; undefined while requests are open. */
  idleSince(): number | undefined;
  /** Called after `idleMs` without requests, and again after each further `idleMs`. */
  onIdle(): void;
}

/** Reports that an instance is idle. The runner may keep the instance all the same (`scale.min`). */
export function watchIdle({ idleMs, idleSince, onIdle }: IdleWatchOptions): () => void {
  let timer: NodeJS.Timeout | undefined;
  const lookAfter = (waitMs: number) => {
    timer = setTimeout(() => {
      const since = idleSince();
      const restMs = since === undefined ? idleMs : idleMs - (Date.now() - since);
      if (restMs <= 0) onIdle();
      lookAfter(restMs <= 0 ? idleMs : restMs);
    }, waitMs);
  };
  lookAfter(idleMs);
  return () => clearTimeout(timer);
}
