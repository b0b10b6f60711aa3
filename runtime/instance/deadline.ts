/** The time limits of one request, as arithmetic. */
import type { Limits } from "../../contracts/index.ts";

/** The event that ends the current time limit of a request. */
export type Awaited =
  | "answer"
  /** The rest of the request's body: its client is slow, not the function. */
  | "request body"
  /** The answer, after the request's body arrived in frames. */
  | "answer to body"
  /** The last byte of a streamed answer, or the close of a WebSocket. */
  | "end of answer";

export interface TimedRequest {
  /** By `performance.now()`. */
  readonly takenAtMs: number;
  /** How long the caller waits for the answer. */
  readonly timeoutMs: number;
}

/** Milliseconds from now until the request has failed; 0 or less: it has failed already. */
export function decideDeadline(
  awaited: Awaited,
  { takenAtMs, timeoutMs }: TimedRequest,
  limits: Pick<Limits, "timeoutMs" | "streamMs">,
  nowMs: number,
): number {
  switch (awaited) {
    case "answer":
      return Math.min(limits.timeoutMs, timeoutMs);
    case "request body":
      return takenAtMs + limits.streamMs - nowMs;
    case "answer to body":
      return limits.timeoutMs;
    case "end of answer":
      return limits.streamMs;
  }
}

/**
 * The log text of an answer that did not come in time. It names the part of the time that was over before the request came
 * here.
 */
export function unansweredMessage(
  request: { timeoutMs: number; hops: number },
  waitMs: number,
  limitMs: number,
): string {
  return `no answer within ${waitMs} ms (limits.timeoutMs is ${limitMs} ms${elsewhere(request, limitMs)})`;
}

function elsewhere({ timeoutMs, hops }: { timeoutMs: number; hops: number }, limitMs: number): string {
  if (timeoutMs >= limitMs) return "";
  if (hops > 0) return `; its caller left it ${timeoutMs} ms`;
  return `, of which ${limitMs - timeoutMs} ms were over when it came to this instance`;
}
