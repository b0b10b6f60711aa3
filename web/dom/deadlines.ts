/**
 * The deadlines of `AbortSignal.timeout`. One timer of the host serves all of them.
 *
 * I1  A deadline holds its signal weakly (abort-state.ts). The deadline of a collected signal does nothing.
 * I2  A deadline fires as the owner of its signal (owner.ts).
 */
import { currentOwner, setOwner } from "../start/owner.ts";
import { startPlatformTimer, stopTimer } from "../start/timers.ts";
import type { AbortState } from "./abort-state.ts";
import { DOMException } from "./dom-exception.ts";

interface Deadline {
  readonly at: number;
  readonly state: AbortState;
  readonly owner: number;
}

/** Upper bound of a delay of the host's timers. */
const MAX_WAIT_MS = 2 ** 31 - 1;

/** Ordered by time, then by creation. A new deadline is nearly always the last. */
const deadlines: Deadline[] = [];
let timer: { readonly id: number; readonly at: number } | undefined;

/** Aborts `state` with a `TimeoutError` after the delay. */
export function startDeadline(delayMs: number, state: AbortState): void {
  const at = Date.now() + delayMs;
  let index = deadlines.length;
  if ((deadlines.at(-1)?.at ?? 0) > at) index = firstAfter(at);
  deadlines.splice(index, 0, { at, state, owner: currentOwner() });
  schedule();
}

/** The index of the first later deadline. */
function firstAfter(at: number): number {
  let low = 0;
  let high = deadlines.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((deadlines[middle]?.at ?? 0) > at) high = middle;
    else low = middle + 1;
  }
  return low;
}

function schedule(): void {
  const [next] = deadlines;
  if (next === undefined || (timer !== undefined && timer.at <= next.at)) return;
  if (timer !== undefined) stopTimer(timer.id);
  const waitMs = Math.min(MAX_WAIT_MS, Math.max(0, next.at - Date.now()));
  timer = { id: startPlatformTimer(fire, waitMs), at: next.at };
}

function fire(): void {
  timer = undefined;
  for (const { owner, state } of deadlines.splice(0, firstAfter(Date.now()))) {
    setOwner(owner);
    state.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
  }
  schedule();
}
