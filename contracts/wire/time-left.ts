import { headerNames } from "./header-names.ts";
import { type Headers, headerValue } from "./headers.ts";

/**
 * How long the sender of a request still waits for its answer, in milliseconds; undefined where it does not say.
 * `Narun-Timeout` counts before `Narun-Deadline`: the clocks of two machines need not agree.
 */
export function timeLeftOf(headers: Headers | undefined): number | undefined {
  const left = headerValue(headers, headerNames.timeout);
  if (left !== undefined && /^\d{1,12}$/.test(left)) return Number(left);
  const deadline = Number(headerValue(headers, headerNames.deadline));
  return deadline > 0 ? deadline - Date.now() : undefined;
}

/** Sets the time that is left at the sending. `endsAtMs` is by `performance.now()`. */
export function setTimeLeft(headers: Headers, endsAtMs: number): void {
  headers.set(headerNames.timeout, [String(Math.max(1, Math.round(endsAtMs - performance.now())))]);
}
