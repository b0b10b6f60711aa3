import type { ErrorEntry } from "./error-entry.ts";

/** Errors of queues and of calls that are answered before they run. */
export const queueErrors = {
  QUEUE_STREAM_MISSING: {
    title: "The stream of a queue does not exist, or does not store the subject",
    solve:
      "Create the stream that `detail` names, or correct `consume:` in narun.yaml. The nodes look for it again by themselves.",
  },
  QUEUE_CONSUMER_TAKEN: {
    title: "The stream has a consumer of this name that belongs to another owner",
    solve:
      "Delete it where nobody needs it (`nats consumer rm STREAM NAME`), or give the function another name.",
  },
  QUEUE_CONSUMER_REFUSED: {
    title: "The stream does not allow the function's consumer",
    solve:
      "`detail` has the server's reason: a filter that overlaps with another consumer's in a stream with `workqueue` retention, or a bound of the stream or the account.",
  },
  DEAD_LETTER_NOT_FOUND: {
    title: "There is no dead letter of this id",
    solve: "`narun dlq ls` lists the ids. A letter that was sent back or deleted is gone.",
  },
  CALL_NOT_FOUND: {
    title: "There is no call of this id, or its result is no longer kept",
    solve: "Take the address from `Location` of the answer 202. Results are kept for a limited time.",
    status: 404,
  },
  CALL_QUEUE_FULL: {
    title: "Too many calls of the function wait already",
    solve: "Send it again after the time in `Retry-After`, or let more instances run (`scale.max`).",
    status: 429,
    retryable: true,
  },
  CALL_NOT_STORED: {
    title: "The call could not be stored, so it was not accepted",
    solve: "Send it again: JetStream does not answer now, or has no room left.",
    status: 503,
    retryable: true,
  },
  CALL_INTERRUPTED: {
    title: "The instance ended while it ran the call, and the call may not run twice",
    solve:
      "Find out whether the call took effect before it is sent again. `async: { repeat: always }` in narun.yaml, or an `Idempotency-Key`, lets narun run it again.",
    status: 502,
  },
  CALL_DROPPED: {
    title: "The function was removed before it ran the call",
    solve: "Send it again when the function is there again, or to the function that took its place.",
    status: 410,
  },
  IDEMPOTENCY_KEY_REUSED: {
    title: "The Idempotency-Key belongs to another request",
    solve: "Use a new key for each request, and the same key only to send the same request again.",
    status: 422,
  },
  CALLBACK_REFUSED: {
    title: "The address of the callback cannot be used",
    solve:
      "Give a URL of http or https with a public address, or allow the address under `egress` in narun.yaml. The function needs `async.secret`, which signs callbacks.",
    status: 400,
  },
} as const satisfies Record<string, ErrorEntry>;
