/**
 * The record of the soak, and the verdict over it.
 *
 * I1  A body is wrong if it is neither the requested body nor a stated failure. None is allowed.
 * I2  A request hangs if no answer came within its deadline and a margin. None is allowed.
 * I3  A failure is avoidable if the request was idempotent and no part of its answer had arrived, or if it was sent too long
 *     after the last fault to be affected. None is allowed.
 * I4  A request that is not idempotent begins at most once.
 */

export type Outcome =
  | { kind: "right" }
  | { kind: "wrong"; why: string }
  | { kind: "hung" }
  /** `began`: a part of the answer had arrived, or a part of a body that is not kept had been sent. */
  | { kind: "failed"; status?: number; code: string; began: boolean };

export interface Exchange {
  /** Method and path, for messages. */
  what: string;
  id: string;
  isIdempotent: boolean;
  sentAt: number;
  endedAt: number;
  outcome: Outcome;
}

export interface Fault {
  what: "host" | "runner" | "nats-server";
  atMs: number;
}

/** How long after a kill a request may still reach the killed process, before its death is known everywhere. */
export const FAULT_REACH_MS = 1_000;

export interface Verdict {
  requests: number;
  right: number;
  /** Failed by a fault, and not idempotent or partly answered. */
  unavoidable: number;
  wrong: Exchange[];
  hung: Exchange[];
  avoidable: Exchange[];
  /** Ids of requests that began more than once, although they may begin only once. */
  twice: string[];
}

/** Decides the verdict from the exchanges, the faults and the beginnings that functions reported. Pure. */
export function decideVerdict(
  exchanges: readonly Exchange[],
  faults: readonly Fault[],
  begun: ReadonlyMap<string, number>,
): Verdict {
  const failed = exchanges.filter(({ outcome }) => outcome.kind === "failed");
  const avoidable = failed.filter((exchange) => isAvoidable(exchange, faults));
  const once = new Set(exchanges.filter(({ isIdempotent }) => !isIdempotent).map(({ id }) => id));
  return {
    requests: exchanges.length,
    right: exchanges.filter(({ outcome }) => outcome.kind === "right").length,
    unavoidable: failed.length - avoidable.length,
    wrong: exchanges.filter(({ outcome }) => outcome.kind === "wrong"),
    hung: exchanges.filter(({ outcome }) => outcome.kind === "hung"),
    avoidable,
    twice: [...begun].filter(([id, times]) => times > 1 && once.has(id)).map(([id]) => id),
  };
}

function isAvoidable(
  { outcome, isIdempotent, sentAt, endedAt }: Exchange,
  faults: readonly Fault[],
): boolean {
  if (outcome.kind !== "failed") return false;
  if (isIdempotent && !outcome.began) return true;
  return !faults.some(({ atMs }) => sentAt <= atMs + FAULT_REACH_MS && endedAt >= atMs);
}
