/**
 * The token buckets of rate limits, for all functions of a host process.
 *
 * I1  A bucket begins full, and fills evenly: `limit` tokens in a period. A key that is not known has a full bucket.
 * I2  All instances of a function share its buckets, so a new instance or revision goes on with the counts of the others.
 * I3  A function has at most `MAX_KEYS` buckets. The bucket that was used least recently is dropped first.
 */

export interface RateLimitRule {
  limit: number;
  periodSeconds: number;
}

/** One use of a rate limit. */
export interface RateLimitUse extends RateLimitRule {
  function: string;
  /** The name of the binding. */
  binding: string;
  key: string;
}

export interface Bucket {
  tokens: number;
  atMs: number;
  /** When it is full, if no token is taken until then. */
  fullAtMs: number;
}

/** Upper bound of the buckets of a function: some 8 MiB with the longest keys. */
const MAX_KEYS = 10_000;
/** Upper bound of the rounding error of a bucket's tokens. */
const ROUNDING = 1e-9;

export class RateLimits {
  readonly #functions = new Map<string, Map<string, Bucket>>();

  /** Takes a token; false where none is left. */
  take({ function: name, binding, key, ...rule }: RateLimitUse, nowMs = performance.now()): boolean {
    const buckets = this.#functions.get(name) ?? this.#addFunction(name, nowMs);
    const id = `${binding} ${key}`;
    const { success, bucket } = decideTake(buckets.get(id), rule, nowMs);
    // The map's order is the order of use.
    buckets.delete(id);
    buckets.set(id, bucket);
    for (const [oldest, { fullAtMs }] of buckets) {
      if (fullAtMs > nowMs && buckets.size <= MAX_KEYS) break;
      buckets.delete(oldest);
    }
    return success;
  }

  /** Drops the functions whose buckets are all full, and adds one. */
  #addFunction(name: string, nowMs: number): Map<string, Bucket> {
    for (const [other, buckets] of this.#functions)
      if (buckets.values().every(({ fullAtMs }) => fullAtMs <= nowMs)) this.#functions.delete(other);
    const added = new Map<string, Bucket>();
    this.#functions.set(name, added);
    return added;
  }
}

/** Takes a token out of a bucket, if there is one; `before` is undefined for a full bucket. */
export function decideTake(
  before: Bucket | undefined,
  { limit, periodSeconds }: RateLimitRule,
  nowMs: number,
): { success: boolean; bucket: Bucket } {
  const tokensPerMs = limit / (periodSeconds * 1_000);
  const filled = before === undefined ? limit : before.tokens + (nowMs - before.atMs) * tokensPerMs;
  const tokens = Math.min(limit, filled);
  const success = tokens >= 1 - ROUNDING;
  const left = success ? Math.max(0, tokens - 1) : tokens;
  return { success, bucket: { tokens: left, atMs: nowMs, fullAtMs: nowMs + (limit - left) / tokensPerMs } };
}
