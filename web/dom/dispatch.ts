/**
 * Listeners, and the dispatch of events to them (DOM, "dispatch"). There are no trees here: an event has one target.
 *
 * I1  An error of a listener is reported. It stops neither the other listeners nor the dispatch.
 * I2  An error that is thrown while another is reported is only logged, so that reports end.
 * I3  Without a listener for `error` at the global object, no error event is made.
 */

import { errorText } from "../console/error-text.ts";
import { logLine } from "../console/log-line.ts";
import { PLATFORM_FILE } from "../host/boundary.ts";
import { ErrorEvent } from "./error-event.ts";
import { type Event, type EventState, eventState, Phase } from "./event.ts";

export interface Listener {
  readonly type: string;
  /** A function, or an object with a `handleEvent`. Null is kept, and never called. */
  readonly callback: object | null;
  readonly capture: boolean;
  readonly once: boolean;
  readonly passive: boolean;
  isRemoved: boolean;
  /** Called after the removal. It detaches the listener from the signal that would remove it. */
  afterRemoval?: () => void;
}

/** The listeners of one target. */
export class Listeners {
  readonly #byType = new Map<string, Listener[]>();

  has(type: string): boolean {
    return this.#byType.has(type);
  }

  of(type: string): readonly Listener[] {
    return this.#byType.get(type) ?? [];
  }

  /** False if the listener is already there. */
  add(listener: Listener): boolean {
    const { type, callback, capture } = listener;
    const present = this.#byType.get(type);
    if (present === undefined) this.#byType.set(type, [listener]);
    else if (present.some((other) => other.callback === callback && other.capture === capture)) return false;
    else present.push(listener);
    return true;
  }

  find(type: string, callback: object | null, capture: boolean): Listener | undefined {
    return this.of(type).find((listener) => listener.callback === callback && listener.capture === capture);
  }

  remove(listener: Listener): void {
    const present = this.#byType.get(listener.type);
    const index = present?.indexOf(listener) ?? -1;
    if (present === undefined || index === -1) return;
    listener.isRemoved = true;
    listener.afterRemoval?.();
    if (present.length === 1) this.#byType.delete(listener.type);
    else present.splice(index, 1);
  }
}

/** The listeners of the global object, which is no object of the platform. */
export const globalListeners = new Listeners();

/** Calls the listeners. False if one of them prevented the default. */
export function dispatch(
  event: Event,
  target: object,
  listeners: Listeners | undefined,
  afterRemoval?: (type: string) => void,
): boolean {
  const state = eventState(event);
  state.isDispatching = true;
  state.target = target;
  if (listeners?.has(state.type)) {
    state.phase = Phase.atTarget;
    state.currentTarget = target;
    for (const capture of [true, false]) {
      if (!state.isStopped) callAll(event, state, listeners, capture, afterRemoval);
    }
  }
  state.phase = Phase.none;
  state.currentTarget = null;
  state.isDispatching = false;
  state.isStopped = false;
  state.isStoppedAtOnce = false;
  return !state.isCanceled;
}

function callAll(
  event: Event,
  state: EventState,
  listeners: Listeners,
  capture: boolean,
  afterRemoval: ((type: string) => void) | undefined,
): void {
  // A copy: listeners that are added meanwhile are not called for this event.
  for (const listener of [...listeners.of(state.type)]) {
    if (listener.isRemoved || listener.capture !== capture) continue;
    if (listener.once) {
      listeners.remove(listener);
      afterRemoval?.(listener.type);
    }
    state.isInPassiveListener = listener.passive;
    try {
      callBack(listener.callback, event, state.currentTarget);
    } catch (error) {
      reportException(error);
    }
    state.isInPassiveListener = false;
    if (state.isStoppedAtOnce) return;
  }
}

/** Web IDL, "call a user object's operation". */
function callBack(callback: object | null, event: Event, currentTarget: object | null): void {
  if (callback === null) return;
  if (typeof callback === "function") {
    Reflect.apply(callback, currentTarget, [event]);
    return;
  }
  const { handleEvent } = callback as { handleEvent?: unknown };
  if (typeof handleEvent !== "function")
    throw new TypeError("handleEvent of an event listener is not a function");
  Reflect.apply(handleEvent, callback, [event]);
}

let isReporting = false;

/** HTML, "report an exception": at the global object, and in the log unless a listener prevents that. */
export function reportException(error: unknown): void {
  if (!isReporting && globalListeners.has("error")) {
    isReporting = true;
    try {
      const event = new ErrorEvent("error", { ...placeOf(error), error, cancelable: true });
      eventState(event).isTrusted = true;
      if (!dispatch(event, globalThis, globalListeners)) return;
    } finally {
      isReporting = false;
    }
  }
  logLine("error", () => errorText(error));
}

/** The fields of an `ErrorEvent` besides the error itself. Reading them may run user code, and fail. */
function placeOf(error: unknown): { message: string; filename: string; lineno: number; colno: number } {
  const place = { message: "Uncaught exception", filename: "", lineno: 0, colno: 0 };
  try {
    place.message = `Uncaught ${String(error)}`;
    // A value that is no error has no stack. Its place is the place of the report.
    const stack = String((error instanceof Error ? error : new Error()).stack);
    // The first frame outside of the platform.
    const frames = stack.split(/\n\s+at /).slice(1);
    const frame = frames.find((line) => !line.includes(PLATFORM_FILE)) ?? "";
    const [, filename = "", lineno, colno] = /(?:^|\()([^()]*?):(\d+):(\d+)\)?$/.exec(frame) ?? [];
    if (lineno !== undefined)
      Object.assign(place, { filename, lineno: Number(lineno), colno: Number(colno) });
  } catch {
    // The fields read so far are kept.
  }
  return place;
}
