export interface IdleWatchOptions {
  idleMs: number;
  /** Epoch milliseconds; undefined while there is something to do. */
  idleSince(): number | undefined;
  /** Called when nothing was done for so long, and after as long again where nothing came of it. */
  onIdle(): void;
}

/** Says when nobody called for a while. The runner may keep the instance all the same (`scale.min`). */
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
