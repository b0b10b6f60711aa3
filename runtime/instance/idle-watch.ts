export interface IdleWatchOptions {
  idleMs: number;
  /** Epoch milliseconds; undefined while requests are open. */
  idleSince(): number | undefined;
  /** Default: no. Whether other instances of the process are starting: clients wait for them, and ending this one takes their cores. */
  areStarting?(): boolean;
  /** Called after `idleMs` without requests, and again after each further `idleMs`. */
  onIdle(): void;
}

/** How long an idle instance waits before it looks again whether others are starting. */
const LOOK_AGAIN_MS = 100;
/** Upper bound of the time for which an idle instance waits for starts: others may start all the time. */
const MAX_WAIT_MS = 3_000;

/** Reports that an instance is idle. The runner may keep the instance all the same (`scale.min`). */
export function watchIdle({ idleMs, idleSince, areStarting, onIdle }: IdleWatchOptions): () => void {
  let timer: NodeJS.Timeout | undefined;
  const lookAfter = (waitMs: number) => {
    timer = setTimeout(() => {
      const since = idleSince();
      const restMs = since === undefined ? idleMs : idleMs - (Date.now() - since);
      if (restMs > 0) return lookAfter(restMs);
      if (restMs > -MAX_WAIT_MS && areStarting?.() === true) return lookAfter(LOOK_AGAIN_MS);
      onIdle();
      lookAfter(idleMs);
    }, waitMs);
  };
  lookAfter(idleMs);
  return () => clearTimeout(timer);
}
