import { isObject } from "../webidl/webidl.ts";
import type { Listener } from "./dispatch.ts";
import { ErrorEvent } from "./error-event.ts";
import type { Event } from "./event.ts";
import { listenersChanged, listenersOf } from "./event-target.ts";

/** A handler that is set. It keeps its place among the listeners while it is replaced, and loses it when it is removed. */
interface Handler {
  value: object;
  readonly listener: Listener;
}

/**
 * Defines event handler attributes (HTML): `onabort` for "abort". `afterSet` is called with a target that gets a handler:
 * `onmessage` starts a port.
 */
export function defineEventHandlers(
  prototype: object,
  types: readonly string[],
  afterSet?: (target: object) => void,
): void {
  for (const type of types) defineEventHandler(prototype, type, afterSet);
}

function defineEventHandler(
  prototype: object,
  type: string,
  afterSet: ((target: object) => void) | undefined,
): void {
  const handlers = new WeakMap<object, Handler>();
  const accessors = {
    get [`on${type}`](): unknown {
      const target = targetOf(this);
      listenersOf(target);
      return handlers.get(target)?.value ?? null;
    },
    set [`on${type}`](value: unknown) {
      const target = targetOf(this);
      const listeners = listenersOf(target);
      const present = handlers.get(target);
      if (!isObject(value)) {
        handlers.delete(target);
        if (present !== undefined) listeners.remove(present.listener);
      } else if (present !== undefined) present.value = value;
      else {
        const callback = (event: Event) => callHandler(handlers.get(target)?.value, target, event);
        const listener = { type, callback, capture: false, once: false, passive: false, isRemoved: false };
        handlers.set(target, { value, listener });
        listeners.add(listener);
      }
      listenersChanged(target, type);
      afterSet?.(target);
    },
  };
  const descriptor = Object.getOwnPropertyDescriptor(accessors, `on${type}`);
  Object.defineProperty(prototype, `on${type}`, { ...descriptor, enumerable: true, configurable: true });
}

function targetOf(receiver: unknown): object {
  return (receiver ?? globalThis) as object;
}

/** HTML, "the event handler processing algorithm". */
function callHandler(handler: object | undefined, target: object, event: Event): void {
  if (typeof handler !== "function") return;
  if (event instanceof ErrorEvent && event.type === "error" && target === globalThis) {
    const { message, filename, lineno, colno, error } = event;
    if (Reflect.apply(handler, target, [message, filename, lineno, colno, error]) === true)
      event.preventDefault();
  } else if (Reflect.apply(handler, target, [event]) === false) event.preventDefault();
}
