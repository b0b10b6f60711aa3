/** The ends of entries into an isolate, and of loads of modules. */

/** How an entry into an isolate ended. */
export type EntryOutcome =
  /** `answers`: those that existed at its end (`splitAnswers`). User input. Undefined: nothing begins in the isolate any more. */
  | { kind: "ok"; answers?: unknown }
  /** `stack`: the frames, innermost first; empty where V8 does not report them. */
  | { kind: "cpu-limit"; stack: string }
  | { kind: "memory-limit" }
  | { kind: "disposed" }
  /** An exception, or the rejection of a promise, that no code caught. */
  | { kind: "uncaught"; stack: string };

export type LoadOutcome =
  | EntryOutcome
  /** It is a service, and has described itself: JSON. */
  | { kind: "described"; description: string }
  | { kind: "no-handler"; reason: string }
  /** It is a service, and does not start. `code`: of the error catalogue, by its word. */
  | { kind: "refused"; code: string; reason: string; stack: string | undefined };

/** The platform's report of a module that is loaded: user input. */
export function loadedAs(reason: unknown, code: unknown, stack: unknown): LoadOutcome {
  if (reason === "")
    return typeof code === "string" ? { kind: "described", description: code } : { kind: "ok" };
  if (typeof code !== "string") return { kind: "no-handler", reason: String(reason) };
  return {
    kind: "refused",
    code,
    reason: String(reason),
    stack: typeof stack === "string" ? stack : undefined,
  };
}
