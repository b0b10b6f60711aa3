/**
 * When signals of `AbortSignal.timeout` are aborted: one timer of the host for all of them.
 *
 * I1  A deadline holds its signal weakly (abort-state.ts): a signal that is let go of is collected, and its deadline does
 *     nothing.
 * I2  A deadline fires as the owner of its signal (owner.ts).
 */
import { currentOwner, setOwner } from "../owner.ts";
import { startPlatformTimer, stopTimer } from "../timers.ts";
import type { AbortState } from "./abort-state.ts";
import { DOMException } from "./dom-exception.ts";

interface Deadline {
  readonly at: number;
  readonly state: AbortState;
  readonly owner: number;
}

/** The longest that a timer of the host can wait. */
const MAX_WAIT_MS = 2 ** 31 - 1;

/** By time, the latest first; those of one time in the order of their making, the latest first. */
const deadlines: Deadline[] = [];
let timer: { readonly id: number; readonly at: number } | undefined;

/** Aborts `state` with a `TimeoutError` when the time is over. */
export function startDeadline(delayMs: number, state: AbortState): void {
  const at = Date.now() + delayMs;
  let low = 0;
  let high = deadlines.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((deadlines[middle]?.at ?? 0) > at) low = middle + 1;
    else high = middle;
  }
  deadlines.splice(low, 0, { at, state, owner: currentOwner() });
  schedule();
}

function schedule(): void {
  const next = deadlines.at(-1);
  if (next === undefined || (timer !== undefined && timer.at <= next.at)) return;
  if (timer !== undefined) stopTimer(timer.id);
  const waitMs = Math.min(MAX_WAIT_MS, Math.max(0, next.at - Date.now()));
  timer = { id: startPlatformTimer(fire, waitMs), at: next.at };
}

function fire(): void {
  timer = undefined;
  const now = Date.now();
  for (let next = deadlines.at(-1); next !== undefined && next.at <= now; next = deadlines.at(-1)) {
    deadlines.pop();
    setOwner(next.owner);
    next.state.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
  }
  schedule();
}
