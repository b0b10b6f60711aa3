/**
 * How many instances a service's load needs. A pure function, of the load that one gateway sees.
 *
 * D1  Never more than `scale.max` and never fewer than `scale.min`, or one, are needed.
 * D2  Instances are asked for only after a window in which the load has needed them all the time: the least need of the window
 *     counts. A window at most doubles the instances. So a brief burst starts few.
 * D3  The window is short while requests wait, and longer while there is room beyond the target.
 * D4  An instance is asked for only where the load of the others is above their target, and requests go to the first ones up to the
 *     same target: a new instance has work at once, and none starts and ends by turns under an even load.
 * D5  More load never means fewer instances.
 * D6  Requests that are over soon, their wait included, are no reason for a start: on the same machine another instance would only
 *     share their work out in smaller parts.
 */
import { targetOf } from "../contracts/index.ts";

const WAITING_MS = 150;
const BUSY_MS = 2_000;
/** A request that takes less, its wait included, is over soon. */
const SOON_MS = 10;
/** How long the load must need fewer instances before the others are left to end. */
const FALL_MS = 2_000;

export interface ScaleBounds {
  readonly min: number;
  readonly max: number;
  readonly concurrency: number;
}

export interface ScaleSample {
  nowMs: number;
  /** Requests that instances have, and requests that wait. */
  load: number;
  /** Some of them wait: at this gateway, or in an instance that has more than its concurrency. */
  isWaiting: boolean;
  /** Instances that are ready or starting. */
  live: number;
}

/** The need for other instances than there are, and since when it lasts. */
interface Trend {
  readonly sinceMs: number;
  readonly need: number;
}

export interface ScaleState {
  /** The instances that are to get requests. */
  readonly active: number;
  /** More are needed than live. `need`: the least of that time. */
  readonly over: Trend | undefined;
  /** Fewer are needed than are active. `need`: the most of that time. */
  readonly under: Trend | undefined;
}

export const newScaleState: ScaleState = { active: 1, over: undefined, under: undefined };

/** The instances that a service keeps, or has at least while it is in use. */
export function leastOf({ min }: Pick<ScaleBounds, "min">): number {
  return Math.max(1, min);
}

/** `start`: how many further instances are wanted now. */
export function decideScale(
  state: ScaleState,
  { nowMs, load, isWaiting, live }: ScaleSample,
  bounds: ScaleBounds,
): { state: ScaleState; start: number } {
  const need = Math.min(
    Math.max(leastOf(bounds), Math.ceil(load / targetOf(bounds.concurrency))),
    bounds.max,
  );
  const under = need < state.active ? trend(state.under, nowMs, need, Math.max) : undefined;
  const isFalling = under !== undefined && nowMs - under.sinceMs >= FALL_MS;
  const next = {
    active: isFalling ? under.need : Math.max(state.active, need),
    under: isFalling ? undefined : under,
  };
  // The first instance is started by other means, for requests that are held without one (demand.ts).
  if (live === 0 || need <= live) return { state: { ...next, over: undefined }, start: 0 };
  const over = trend(state.over, nowMs, need, Math.min);
  if (nowMs - over.sinceMs < (isWaiting ? WAITING_MS : BUSY_MS))
    return { state: { ...next, over }, start: 0 };
  return { state: { ...next, over: undefined }, start: Math.min(over.need, 2 * live) - live };
}

function trend(
  before: Trend | undefined,
  nowMs: number,
  need: number,
  choose: (one: number, other: number) => number,
): Trend {
  return before === undefined
    ? { sinceMs: nowMs, need }
    : { sinceMs: before.sinceMs, need: choose(before.need, need) };
}

/** The requests of a service at one gateway, over a time. */
export interface Turnover {
  /** Requests that are open, and requests that wait. */
  load: number;
  /** Requests that came to their end in that time. */
  ended: number;
  passedMs: number;
}

/** Whether requests are over soon (D6). By Little's law a request takes the load's share of the time in which so many end. */
export function areOverSoon({ load, ended, passedMs }: Turnover): boolean {
  return load * passedMs < SOON_MS * ended;
}
