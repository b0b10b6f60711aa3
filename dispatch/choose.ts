/** The facts by which an instance is chosen. */
export interface Candidate {
  readonly revision: string;
  /** Upper bound of the requests that it handles at a time. */
  readonly concurrency: number;
  /** Requests that this gateway has under way there. */
  readonly inFlight: number;
  /** Places that others have. Default: none. */
  readonly taken?: number;
}

/** How many instances of a service get requests, of those of the live revision, in their order (order.ts). */
export interface Reach {
  /** The load needs so many. The next ones get a request only where these have no room, and end when they are idle. */
  readonly active: number;
  /** The ones beyond get none: the function may not have them. */
  readonly most: number;
}

const EVERYWHERE: Reach = { active: Number.POSITIVE_INFINITY, most: Number.POSITIVE_INFINITY };

/**
 * The power of two choices: picks two random instances with room, and returns the less loaded one. Instances of other
 * revisions serve only while no instance of the live revision is ready. Undefined: all instances are full.
 */
export function chooseInstance<T extends Candidate>(
  ready: readonly T[],
  liveRevision: string | undefined,
  reach: Reach = EVERYWHERE,
  random: () => number = Math.random,
): T | undefined {
  const mustBeLive = liveRevision !== undefined && ready.some(({ revision }) => revision === liveRevision);
  let first: T | undefined;
  let second: T | undefined;
  let seen = 0;
  let passed = 0;
  // Reservoir sampling of two: every request comes here, and a filtered copy would be garbage.
  for (const candidate of ready) {
    if (mustBeLive) {
      if (candidate.revision !== liveRevision) continue;
      if (passed >= reach.most || (passed >= reach.active && first !== undefined)) break;
      passed += 1;
    }
    if (candidate.inFlight + (candidate.taken ?? 0) >= candidate.concurrency) continue;
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
