/**
 * Listeners, and how events reach them (DOM, "dispatch"). There are no trees here: an event has one target.
 *
 * I1  What a listener throws is reported and stops neither the others nor the dispatch.
 * I2  What is thrown while an error is being reported is logged only: no report without end.
 * I3  While nothing listens for `error` at the global object, no event is made for one.
 */

import { errorText } from "../console/error-text.ts";
import { logLine } from "../console/log-line.ts";
import { PLATFORM_FILE } from "../host/boundary.ts";
import { ErrorEvent } from "./error-event.ts";
import { type Event, type EventState, eventState, Phase } from "./event.ts";

export interface Listener {
  readonly type: string;
  /** A function, or an object with a `handleEvent`; null is kept, and never called. */
  readonly callback: object | null;
  readonly capture: boolean;
  readonly once: boolean;
  readonly passive: boolean;
  isRemoved: boolean;
  /** Is called when it is removed: the signal that would remove it need not know of it any more. */
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

  /** False: it is there already. */
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

/** The global object's own listeners: it is a target like any other, but no object of ours. */
export const globalListeners = new Listeners();

/** Tells the listeners; false where one of them prevented the default. */
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
  // Those that a listener adds are not called for this event.
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

/** HTML, "report an exception": at the global object, and in the log where nobody prevents that. */
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

/** What an `ErrorEvent` says of an error beside the error itself. Reading it may run user code, and fail. */
function placeOf(error: unknown): { message: string; filename: string; lineno: number; colno: number } {
  const place = { message: "Uncaught exception", filename: "", lineno: 0, colno: 0 };
  try {
    place.message = `Uncaught ${String(error)}`;
    // What is no error has no place of its own: it counts as thrown where it is reported.
    const stack = String((error instanceof Error ? error : new Error()).stack);
    // The first frame that is not the platform's own.
    const frames = stack.split(/\n\s+at /).slice(1);
    const frame = frames.find((line) => !line.includes(PLATFORM_FILE)) ?? "";
    const [, filename = "", lineno, colno] = /(?:^|\()([^()]*?):(\d+):(\d+)\)?$/.exec(frame) ?? [];
    if (lineno !== undefined)
      Object.assign(place, { filename, lineno: Number(lineno), colno: Number(colno) });
  } catch {
    // It stays as far as it came.
  }
  return place;
}
