/**
 * The observations of the soak, and the verdict over them.
 *
 * I1  A body is wrong where it is neither the expected one nor a stated failure. None is allowed.
 * I2  A request hangs where no answer came within its deadline and a margin. None is allowed.
 * I3  A failure is avoidable where the request was idempotent and no byte of its answer had come, or where it was sent so long
 *     after the last fault that the fault cannot have met it. None is allowed.
 * I4  A request that is not idempotent begins at most once.
 */

export type Outcome =
  | { kind: "right" }
  | { kind: "wrong"; why: string }
  | { kind: "hung" }
  /** `began`: a part of the answer had come, or a part of a body that the gateway does not keep had been sent. */
  | { kind: "failed"; status?: number; code: string; began: boolean };

export interface Exchange {
  /** Method and path, for people. */
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

/** How long after a kill a request may still meet the killed process, before its death is known everywhere. */
export const FAULT_REACH_MS = 1_000;

export interface Verdict {
  requests: number;
  right: number;
  /** Met by a fault, not idempotent or partly answered. */
  unavoidable: number;
  wrong: Exchange[];
  hung: Exchange[];
  avoidable: Exchange[];
  /** Ids of requests that began more than once though they may begin once only. */
  twice: string[];
}

/** The verdict over the exchanges, the faults and the beginnings that functions reported. */
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
