/** The share of its places up to which an instance is to be used, as in Knative. */
const TARGET = 0.7;

/** How many requests an instance should have at most: more are a reason for another one (`scale.max`). */
export function targetOf(concurrency: number): number {
  return Math.ceil(concurrency * TARGET);
}
