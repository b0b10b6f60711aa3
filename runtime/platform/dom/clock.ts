/**
 * The time since the isolate started. An isolate has only the wall clock, in whole milliseconds, which may be set back:
 * what is shown never is.
 */
let origin = 0;
let latest = 0;

/** The isolate starts: what the snapshot was made with does not count. */
export function startClock(): void {
  origin = Date.now();
  latest = 0;
}

/** Milliseconds since the epoch at which the isolate started. */
export function timeOrigin(): number {
  if (origin === 0) startClock();
  return origin;
}

/** Milliseconds since then; never less than the last time. */
export function elapsedMs(): number {
  const start = timeOrigin();
  latest = Math.max(latest, Date.now() - start);
  return latest;
}
