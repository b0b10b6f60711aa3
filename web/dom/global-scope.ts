/**
 * The global object as an event target, and HTML's functions on it.
 *
 * The prototype of the global object gets `EventTarget.prototype` as its own prototype. Its listeners are not created
 * before the first listener is added.
 */
import { requireArguments } from "../webidl/webidl.ts";
import { reportException } from "./dispatch.ts";
import { defineEventHandlers } from "./event-handlers.ts";
import { EventTarget } from "./event-target.ts";

export function makeGlobalEventTarget(): void {
  const prototype = Object.create(EventTarget.prototype) as object;
  Object.defineProperty(prototype, Symbol.toStringTag, { value: "WorkerGlobalScope", configurable: true });
  defineEventHandlers(prototype, ["error", "unhandledrejection", "rejectionhandled"]);
  Object.setPrototypeOf(globalThis, prototype);
}

const settled = Promise.resolve();

export function queueMicrotask(callback: unknown): void {
  requireArguments(arguments.length, 1, "queueMicrotask");
  if (typeof callback !== "function") throw new TypeError("queueMicrotask: the callback is not a function");
  void settled.then(() => {
    try {
      callback();
    } catch (error) {
      reportException(error);
    }
  });
}

/** Reports an error like an uncaught one. */
export function reportError(error: unknown): void {
  requireArguments(arguments.length, 1, "reportError");
  reportException(error);
}
