import { asInterface, isObject, requireArguments, toDOMString } from "../webidl/webidl.ts";
import type { AbortState } from "./abort-state.ts";
import { dispatch, globalListeners, type Listener, Listeners } from "./dispatch.ts";
import { DOMException } from "./dom-exception.ts";
import { type Event, eventState } from "./event.ts";

// The platform's own access to a target, bound inside the class, out of user code's reach.

/** The listeners of a target, created at the first call. Throws for a value that is no target. */
export let listenersOf: (target: unknown) => Listeners;
export let hasListeners: (target: EventTarget, type: string) => boolean;
/** Sends an event of the platform. False if a listener prevented the default. */
export let dispatchTrusted: (target: EventTarget, event: Event) => boolean;
/** Makes a target an `AbortSignal`. */
export let setAbortState: (target: EventTarget, state: AbortState) => void;
export let abortStateOf: (value: unknown) => AbortState | undefined;
/** Reports a change of the listeners. It is called by code that adds to `listenersOf` itself. */
export let listenersChanged: (target: unknown, type: string) => void;

/** `EventTarget` of the DOM standard. The global object is one as well (global-scope.ts). */
export class EventTarget {
  #listeners: Listeners | undefined;
  #abortState: AbortState | undefined;

  static {
    const own = (target: unknown): Listeners | undefined =>
      isGlobal(target) ? globalListeners : (target as EventTarget).#listeners;
    listenersOf = (target) => {
      const present = own(target);
      if (present !== undefined) return present;
      (target as EventTarget).#listeners = new Listeners();
      return (target as EventTarget).#listeners as Listeners;
    };
    hasListeners = (target, type) => own(target)?.has(type) ?? false;
    dispatchTrusted = (target, event) => {
      eventState(event).isTrusted = true;
      return dispatch(event, target, own(target), (type) => listenersChanged(target, type));
    };
    setAbortState = (target, state) => {
      target.#abortState = state;
    };
    abortStateOf = (value) =>
      typeof value === "object" && value !== null && #abortState in value ? value.#abortState : undefined;
    listenersChanged = (target, type) => {
      if (type === "abort" && !isGlobal(target))
        (target as EventTarget).#abortState?.setAwaited(hasListeners(target as EventTarget, type));
    };
  }

  addEventListener(type: unknown, callback: unknown, options: unknown = undefined): void {
    const target = this ?? globalThis;
    requireArguments(arguments.length, 2, "EventTarget.addEventListener");
    const listeners = listenersOf(target);
    const name = toDOMString(type);
    const listenerCallback = toCallback(callback);
    const { capture, once, passive, signal } = listenerOptions(options);
    if (signal?.isAborted || listenerCallback === null) return;
    const listener: Listener = {
      type: name,
      callback: listenerCallback,
      capture,
      once,
      passive,
      isRemoved: false,
    };
    if (!listeners.add(listener)) return;
    listenersChanged(target, name);
    if (signal === undefined) return;
    listener.afterRemoval = signal.onAbort(() => {
      listeners.remove(listener);
      listenersChanged(target, name);
    });
  }

  removeEventListener(type: unknown, callback: unknown, options: unknown = undefined): void {
    const target = this ?? globalThis;
    requireArguments(arguments.length, 2, "EventTarget.removeEventListener");
    const listeners = listenersOf(target);
    const name = toDOMString(type);
    const listener = listeners.find(name, toCallback(callback), captureOf(options));
    if (listener === undefined) return;
    listeners.remove(listener);
    listenersChanged(target, name);
  }

  dispatchEvent(event: unknown): boolean {
    const target = this ?? globalThis;
    requireArguments(arguments.length, 1, "EventTarget.dispatchEvent");
    const listeners = listenersOf(target);
    const state = eventState(event);
    if (state.isDispatching || !state.isInitialized)
      throw new DOMException("The event is already being dispatched", "InvalidStateError");
    state.isTrusted = false;
    return dispatch(event as Event, target, listeners, (type) => listenersChanged(target, type));
  }
}

asInterface("EventTarget", EventTarget);

function isGlobal(target: unknown): boolean {
  return target === globalThis;
}

function toCallback(value: unknown): object | null {
  if (value === null || value === undefined) return null;
  if (!isObject(value)) throw new TypeError("An event listener is a function or an object with handleEvent");
  return value;
}

function captureOf(options: unknown): boolean {
  return isObject(options) ? Boolean((options as { capture?: unknown }).capture) : Boolean(options);
}

function listenerOptions(options: unknown): {
  capture: boolean;
  once: boolean;
  passive: boolean;
  signal: AbortState | undefined;
} {
  const capture = captureOf(options);
  if (!isObject(options)) return { capture, once: false, passive: false, signal: undefined };
  const { once, passive, signal } = options as { once?: unknown; passive?: unknown; signal?: unknown };
  const state = abortStateOf(signal);
  if (signal !== undefined && state === undefined)
    throw new TypeError("The option signal is not an AbortSignal");
  return { capture, once: Boolean(once), passive: Boolean(passive), signal: state };
}
