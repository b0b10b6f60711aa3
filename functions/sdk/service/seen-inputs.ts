/**
 * The sealed inputs that this instance has taken, for as long as they are good: a copy of one is refused.
 *
 * I1  An input is known by the tag of its seal, which no one without the label's key can make anew for it.
 * I2  At most `MAX_SEEN` are known for an action. Beyond that the oldest is forgotten.
 */

const MAX_SEEN = 20_000;

export interface SeenInputs {
  /** False: it was taken before. `goodUntilMs`: by the clock, until when its time lets it pass. */
  take(sealed: string, goodUntilMs: number, nowMs: number): boolean;
}

export function createSeenInputs(maxSeen = MAX_SEEN): SeenInputs {
  const seen = new Set<string>();
  // The oldest first, from `first` on. To ask a set for its oldest is slow: it walks past all that were deleted since it grew.
  let taken: { tag: string; goodUntilMs: number }[] = [];
  let first = 0;
  const forget = (nowMs: number) => {
    for (let oldest = taken[first]; oldest !== undefined; oldest = taken[first]) {
      if (oldest.goodUntilMs >= nowMs && seen.size <= maxSeen) break;
      seen.delete(oldest.tag);
      first += 1;
    }
    if (first <= maxSeen) return;
    taken = taken.slice(first);
    first = 0;
  };
  return {
    take(sealed, goodUntilMs, nowMs) {
      const tag = sealed.slice(sealed.lastIndexOf(".") + 1);
      if (seen.has(tag)) return false;
      seen.add(tag);
      taken.push({ tag, goodUntilMs });
      forget(nowMs);
      return true;
    },
  };
}
