/**
 * What the global object has of an event target, and the functions of HTML on it.
 *
 * The prototype of the global object is put in front of `EventTarget.prototype`: no object is made for it before
 * somebody listens.
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

/** Does with an error as with one that nobody caught. */
export function reportError(error: unknown): void {
  requireArguments(arguments.length, 1, "reportError");
  reportException(error);
}
