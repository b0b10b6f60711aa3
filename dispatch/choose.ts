/** What is asked of an instance to choose among several. */
export interface Candidate {
  readonly revision: string;
  /** Requests that it handles at a time. */
  readonly concurrency: number;
  /** Requests that this gateway has under way there. */
  readonly inFlight: number;
}

/**
 * The power of two choices: of two random instances with room, the less loaded one. Instances of the live revision are
 * preferred; others serve only while none of it is ready. Undefined: every one that may serve is full.
 */
export function chooseInstance<T extends Candidate>(
  ready: readonly T[],
  liveRevision: string | undefined,
  random: () => number = Math.random,
): T | undefined {
  const mustBeLive = liveRevision !== undefined && ready.some(({ revision }) => revision === liveRevision);
  let first: T | undefined;
  let second: T | undefined;
  let seen = 0;
  // Reservoir sampling of two, as this is the path of every request and a filtered copy would be garbage.
  for (const candidate of ready) {
    if (candidate.inFlight >= candidate.concurrency) continue;
    if (mustBeLive && candidate.revision !== liveRevision) continue;
    seen += 1;
    if (first === undefined) first = candidate;
    else if (second === undefined) second = candidate;
    else {
      const slot = Math.floor(random() * seen);
      if (slot === 0) first = candidate;
      else if (slot === 1) second = candidate;
    }
  }
  if (first === undefined || second === undefined) return first;
  const difference = first.inFlight / first.concurrency - second.inFlight / second.concurrency;
  if (difference !== 0) return difference < 0 ? first : second;
  return random() < 0.5 ? first : second;
}
