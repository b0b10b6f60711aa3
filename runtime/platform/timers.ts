import { PostOp } from "./boundary.ts";
import { postToHost } from "./host-link.ts";
import { currentOwner, setOwner } from "./owner.ts";

interface Timer {
  callback: (...values: unknown[]) => void;
  values: unknown[];
  /** Set for an interval. */
  repeatMs: number | undefined;
  owner: number;
}

const timers = new Map<number, Timer>();
let lastId = 0;

/** The longest delay that a timer can have; a longer one fires at once (HTML, as in every implementation). */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** Open at a time; the host keeps each of them. */
const MAX_TIMERS = 10_000;

function start(callback: unknown, delay: unknown, values: unknown[], isInterval: boolean): number {
  if (typeof callback !== "function") throw new TypeError("The callback is not a function");
  if (timers.size >= MAX_TIMERS) throw new RangeError(`more than ${MAX_TIMERS} timers are open`);
  const asked = Math.trunc(Number(delay)) || 0;
  const delayMs = asked < 0 || asked > MAX_DELAY_MS ? 0 : asked;
  lastId += 1;
  timers.set(lastId, {
    callback: callback as Timer["callback"],
    values,
    repeatMs: isInterval ? delayMs : undefined,
    owner: currentOwner(),
  });
  postToHost(PostOp.setTimer, lastId, delayMs, currentOwner());
  return lastId;
}

function stop(id: unknown): void {
  const key = Number(id);
  if (timers.delete(key)) postToHost(PostOp.clearTimer, key);
}

export const setTimeout = (callback: unknown, delay?: unknown, ...values: unknown[]) =>
  start(callback, delay, values, false);
export const setInterval = (callback: unknown, delay?: unknown, ...values: unknown[]) =>
  start(callback, delay, values, true);
export const clearTimeout = (id?: unknown) => stop(id);
export const clearInterval = (id?: unknown) => stop(id);

/** The host says that a timer's time has come. */
export function fireTimer(id: number): void {
  const timer = timers.get(id);
  if (timer === undefined) return;
  setOwner(timer.owner);
  if (timer.repeatMs === undefined) timers.delete(id);
  else postToHost(PostOp.setTimer, id, timer.repeatMs, timer.owner);
  timer.callback(...timer.values);
}
