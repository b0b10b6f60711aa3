/**
 * Timers. The host keeps the time, the isolate keeps the callbacks.
 *
 * I1  A timer runs as the owner of the code that set it (owner.ts).
 * I2  User code has a bounded number of timers. The platform's own timers do not count, as they are few.
 */

import { reportException } from "../dom/dispatch.ts";
import { PostOp } from "../host/boundary.ts";
import { postToHost } from "../host/host-link.ts";
import { conversions, requireArguments } from "../webidl/webidl.ts";
import { currentOwner, setOwner } from "./owner.ts";

interface Timer {
  readonly run: () => void;
  /** The delay of an interval. Undefined for a timeout. */
  readonly repeatMs: number | undefined;
  readonly owner: number;
  readonly isUsers: boolean;
}

const timers = new Map<number, Timer>();
let lastId = 0;
let openOfUser = 0;

/** Upper bound of the open timers (`limits.timers`): the host keeps each of them. */
let maxTimers = 10_000;
/** The last request whose excess was logged. It prevents one line per attempt in a loop that catches the error. */
let refusedOwner: number | undefined;

export function limitTimers(count: number): void {
  maxTimers = count;
}

function startUserTimer(callback: unknown, delay: unknown, values: unknown[], isInterval: boolean): number {
  if (typeof callback !== "function") {
    const what = typeof callback === "string" ? ": text is not evaluated here" : "";
    throw new TypeError(`The callback of a timer is not a function${what}`);
  }
  const delayMs = Math.max(0, delay === undefined ? 0 : conversions.long(delay));
  if (openOfUser >= maxTimers) refuse();
  openOfUser += 1;
  const run = () => Reflect.apply(callback, globalThis, values);
  return start(
    { run, repeatMs: isInterval ? delayMs : undefined, owner: currentOwner(), isUsers: true },
    delayMs,
  );
}

function refuse(): never {
  const why = `TIMER_LIMIT: ${openOfUser} timers are open, and limits.timers is ${maxTimers}`;
  const owner = currentOwner();
  if (owner !== refusedOwner) postToHost(PostOp.log, "error", why, owner);
  refusedOwner = owner;
  throw Object.assign(new RangeError(why), { code: "TIMER_LIMIT" });
}

function start(timer: Timer, delayMs: number): number {
  lastId += 1;
  timers.set(lastId, timer);
  postToHost(PostOp.setTimer, lastId, delayMs, timer.owner);
  return lastId;
}

/** Delay of a timer that is due as soon as the host is free. */
export const AT_ONCE = -1;

/** A timer of the platform. */
export function startPlatformTimer(run: () => void, delayMs: number): number {
  return start({ run, repeatMs: undefined, owner: currentOwner(), isUsers: false }, delayMs);
}

export function stopTimer(id: number): void {
  if (forget(id)) postToHost(PostOp.clearTimer, id);
}

/** A request has used up its time: its timers are removed. */
export function dropTimersOf(owner: number): void {
  for (const [id, timer] of timers) if (timer.owner === owner) stopTimer(id);
}

function forget(id: number): boolean {
  const timer = timers.get(id);
  if (timer?.isUsers) openOfUser -= 1;
  return timers.delete(id);
}

export function setTimeout(callback: unknown, delay: unknown = undefined, ...values: unknown[]): number {
  requireArguments(arguments.length, 1, "setTimeout");
  return startUserTimer(callback, delay, values, false);
}

export function setInterval(callback: unknown, delay: unknown = undefined, ...values: unknown[]): number {
  requireArguments(arguments.length, 1, "setInterval");
  return startUserTimer(callback, delay, values, true);
}

export function clearTimeout(id: unknown = undefined): void {
  stopUserTimer(id);
}

export function clearInterval(id: unknown = undefined): void {
  stopUserTimer(id);
}

function stopUserTimer(id: unknown): void {
  const key = id === undefined || id === null ? 0 : conversions.long(id);
  if (timers.get(key)?.isUsers) stopTimer(key);
}

/** The host reports that a timer is due. */
export function fireTimer(id: number): void {
  const timer = timers.get(id);
  if (timer === undefined) return;
  setOwner(timer.owner);
  if (timer.repeatMs === undefined) forget(id);
  else postToHost(PostOp.setTimer, id, timer.repeatMs, timer.owner);
  try {
    timer.run();
  } catch (error) {
    reportException(error);
  }
}
