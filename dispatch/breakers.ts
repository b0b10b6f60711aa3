/**
 * Leaves out instances that fail. A failure is a request without an answer in time. An error that an instance answers with is an
 * answer.
 *
 *     closed ── FAILURES failures in a row ──▶ open       Nothing is sent there.
 *     open ── its pause is over, a request ──▶ trying     One request is sent there, and no other.
 *     trying ── answered ──▶ closed
 *     trying ── failed ──▶ open                           The pauses grow, to MAX_PAUSE_MS.
 *     trying ── given up, not begun ──▶ open              The next request is the trial, at once.
 *
 * I1  Requests that were sent before an instance was left out change nothing but by an answer, which closes it.
 */
import type { Instance } from "./instance.ts";
import type { InstanceHealth } from "./job.ts";

/** How many requests in a row fail before an instance is left out. */
export const FAILURES = 3;
const FIRST_PAUSE_MS = 1_000;
/** Upper bound of a pause, without its random part. */
export const MAX_PAUSE_MS = 30_000;
/** The random part of a pause: callers that saw the same failures do not come back together. */
const JITTER = 0.5;

interface State {
  failures: number;
  /** How often it was left out in a row. */
  openings: number;
  /** By `performance.now()`; undefined while it is closed. */
  openUntilMs: number | undefined;
  isTrying: boolean;
}

export interface Breakers extends InstanceHealth {
  /** Whether a request may be sent there now. */
  allows(instance: Instance): boolean;
}

export function createBreakers(
  nowMs: () => number = () => performance.now(),
  random: () => number = Math.random,
): Breakers {
  /** Instances without a failure are not among them. */
  const states = new WeakMap<Instance, State>();

  const open = (state: State) => {
    const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** state.openings);
    state.openings += 1;
    state.isTrying = false;
    state.openUntilMs = nowMs() + pauseMs * (1 + JITTER * random());
  };
  const fail = (instance: Instance) => {
    const state = states.get(instance) ?? {
      failures: 0,
      openings: 0,
      openUntilMs: undefined,
      isTrying: false,
    };
    states.set(instance, state);
    state.failures += 1;
    const isLate = state.openUntilMs !== undefined && !state.isTrying;
    if (state.failures >= FAILURES && !isLate) open(state);
  };

  return {
    allows(instance) {
      const state = states.get(instance);
      if (state?.openUntilMs === undefined) return true;
      return !state.isTrying && nowMs() >= state.openUntilMs;
    },
    onSent(instance) {
      const state = states.get(instance);
      if (state?.openUntilMs !== undefined) state.isTrying = true;
    },
    onOver(instance, how) {
      if (how === "answered") states.delete(instance);
      else if (how === "failed") fail(instance);
      else {
        const state = states.get(instance);
        if (state !== undefined) state.isTrying = false;
      }
    },
  };
}
