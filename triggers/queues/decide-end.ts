import type { Verdict } from "../../contracts/index.ts";

/** How often a message is delivered, and how long it waits in between. */
export interface RetryPolicy {
  maxDeliver: number;
  /** The first wait. It doubles with each delivery, up to `maxMs`. */
  minMs: number;
  maxMs: number;
}

/** The end of a delivery. */
export type End = { kind: "ack" } | { kind: "retry"; delayMs: number } | { kind: "dead" };

/** Decides what becomes of a message after its `deliveries`-th delivery. `random`: from 0 to 1, for the jitter. */
export function decideEnd(verdict: Verdict, deliveries: number, policy: RetryPolicy, random: number): End {
  if (verdict.kind === "ack") return { kind: "ack" };
  if (deliveries >= policy.maxDeliver) return { kind: "dead" };
  const { delaySeconds } = verdict;
  const delayMs = delaySeconds === undefined ? backoffMs(deliveries, policy, random) : delaySeconds * 1_000;
  return { kind: "retry", delayMs };
}

/**
 * A half of the wait is certain, the other half is random: messages that failed together, as their database was away, do not
 * come back together.
 */
export function backoffMs(failures: number, { minMs, maxMs }: RetryPolicy, random: number): number {
  const wholeMs = Math.min(maxMs, minMs * 2 ** Math.min(failures - 1, 40));
  return Math.round(wholeMs * (0.5 + random / 2));
}
