/**
 * `unhandledrejection` (HTML). V8 reports such promises only outside of the isolate, and only the text of an error gets
 * there. So the event's reason is an error made from that text, and its promise is rejected with that error. If several
 * promises are rejected in one entry, only the first is reported. `rejectionhandled` is never fired: V8 does not report it.
 */
import { dispatch, globalListeners } from "./dispatch.ts";
import { errorConstructors } from "./error-constructors.ts";
import { eventState } from "./event.ts";
import { PromiseRejectionEvent } from "./event-kinds.ts";

/** True if a listener prevented the log line. `reason`: the promise's reason, or the stack of an error. */
export function rejectedUnhandled(reason: unknown, isStack: boolean): boolean {
  if (!globalListeners.has("unhandledrejection")) return false;
  const rebuilt = isStack ? errorFromStack(String(reason)) : reason;
  const promise = Promise.reject(rebuilt);
  promise.catch(() => undefined);
  const event = new PromiseRejectionEvent("unhandledrejection", {
    promise,
    reason: rebuilt,
    cancelable: true,
  });
  eventState(event).isTrusted = true;
  return !dispatch(event, globalThis, globalListeners);
}

function errorFromStack(stack: string): Error {
  const frames = stack.indexOf("\n    at ");
  const header = frames === -1 ? stack : stack.slice(0, frames);
  const [, name = "Error", message = ""] = /^([\w$.]+)(?:: (.*))?$/s.exec(header) ?? ["", "Error", header];
  const known = Object.hasOwn(errorConstructors, name) ? errorConstructors[name] : undefined;
  const error = new (known ?? Error)(message);
  if (error.name !== name)
    Object.defineProperty(error, "name", { value: name, configurable: true, writable: true });
  Object.defineProperty(error, "stack", { value: stack, configurable: true, writable: true });
  return error;
}
