import { headerNames } from "../contracts/index.ts";
import { type Headers, headerValue } from "./headers.ts";

/**
 * For how long the sender of a request still waits for its answer, in milliseconds from now; undefined where it does not
 * say. What is left counts before the time of day: the clocks of two machines need not agree.
 */
export function timeLeftOf(headers: Headers | undefined): number | undefined {
  const left = headerValue(headers, headerNames.timeout);
  if (left !== undefined && /^\d{1,12}$/.test(left)) return Number(left);
  const deadline = Number(headerValue(headers, headerNames.deadline));
  return deadline > 0 ? deadline - Date.now() : undefined;
}

/** As the header says it: `endsAtMs` is by `performance.now()`. */
export function timeLeftUntil(endsAtMs: number): string {
  return String(Math.max(1, Math.round(endsAtMs - performance.now())));
}
