import type { Data } from "../host/boundary.ts";
import { callHost, HostFailure } from "../host/host-call.ts";

/** What needs no name of its own to be told apart. */
const NATIVE = new Map<string, new (message: string) => Error>([
  ["TypeError", TypeError],
  ["RangeError", RangeError],
]);

/** Calls a binding's operation; where it fails the error is one of the isolate's own, with the caller's stack. */
export async function callBinding(operation: string, ...values: Data[]): Promise<unknown> {
  try {
    return await callHost(operation, ...values).result;
  } catch (failure) {
    throw failure instanceof HostFailure ? toError(failure) : failure;
  }
}

/** Errors of bindings are known by their names, which functions can compare without importing anything. */
export function toError({ name, message }: HostFailure): Error {
  const Native = NATIVE.get(name);
  if (Native !== undefined) return new Native(message);
  const error = new Error(message);
  Object.defineProperty(error, "name", { value: name, configurable: true, writable: true });
  return error;
}

/** Has something done when a signal aborts, whoever's object it is; at once where it has. Returns what forgets it. */
export function onAbort(signal: unknown, listener: () => void): () => void {
  if (typeof signal !== "object" || signal === null) return () => undefined;
  const source = signal as Pick<AbortSignal, "aborted" | "addEventListener" | "removeEventListener">;
  if (source.aborted) listener();
  else source.addEventListener("abort", listener, { once: true });
  return () => source.removeEventListener("abort", listener);
}
