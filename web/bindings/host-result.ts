import type { Data } from "../host/boundary.ts";
import { callHost, HostFailure } from "../host/host-call.ts";

/** Errors of the host that become the isolate's own classes. Other errors are plain ones with a name. */
const NATIVE = new Map<string, new (message: string) => Error>([
  ["TypeError", TypeError],
  ["RangeError", RangeError],
]);

/** Calls a binding's operation. A failure becomes an error of the isolate, with the caller's stack. */
export async function callBinding(operation: string, ...values: Data[]): Promise<unknown> {
  try {
    return await callHost(operation, ...values).result;
  } catch (failure) {
    throw failure instanceof HostFailure ? toError(failure) : failure;
  }
}

/** Creates the error of a failure. Functions tell errors of bindings apart by `name`, without an import. */
export function toError({ name, message }: HostFailure): Error {
  const Native = NATIVE.get(name);
  if (Native !== undefined) return new Native(message);
  const error = new Error(message);
  Object.defineProperty(error, "name", { value: name, configurable: true, writable: true });
  return error;
}

/**
 * Calls a listener when a signal aborts; at once if the signal is aborted already. The signal may be a library's object.
 * Returns the function that removes the listener.
 */
export function onAbort(signal: unknown, listener: () => void): () => void {
  if (typeof signal !== "object" || signal === null) return () => undefined;
  const source = signal as Pick<AbortSignal, "aborted" | "addEventListener" | "removeEventListener">;
  if (source.aborted) listener();
  else source.addEventListener("abort", listener, { once: true });
  return () => source.removeEventListener("abort", listener);
}
