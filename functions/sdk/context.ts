/** The context of one request: `ctx`, the third argument of a handler. */
export interface Context {
  /** The id in the answer's `x-request-id` and in the log lines of the request. */
  readonly requestId: string;
  /**
   * The time by which the answer has to begin, in epoch milliseconds (`limits.timeoutMs`). A body that streams may go on
   * (`limits.streamMs`).
   */
  readonly deadline: number;
  /**
   * Aborted with `request.signal`, when the client has left or the time is over, and also in a drain of the instance or the
   * gateway: after half a second if the answer streams, else when little of the drain's time is left.
   */
  readonly signal: AbortSignal;
  /**
   * Header fields that follow a streamed body (HTTP trailers), in visible ASCII. They may be set until the body ends. Fields
   * about the body itself (`content-length`, `content-type`, …) are left out. An answer has no trailers if its body is no
   * stream, if it has a `content-length`, or if the client speaks HTTP/1.0.
   */
  readonly trailers: Headers;
  /**
   * Keeps the instance for work after the answer, for `limits.waitUntilMs` at most. The client does not wait for the work. A
   * rejection is a line of the log.
   */
  waitUntil(work: Promise<unknown>): void;
}
