import type { ErrorEntry } from "./error-entry.ts";

/** Errors of requests, and of the work of a function for them. */
export const requestErrors = {
  // Errors that a client of a function sees.
  BAD_REQUEST: {
    title: "The request cannot be understood",
    solve: "Send a well-formed HTTP request. Over NATS, name header fields as HTTP does: without spaces.",
    status: 400,
  },
  REQUEST_TIMEOUT: {
    title: "The header fields of the request did not come in time",
    solve: "Send them within a minute of the connection's start, or of the request's first byte.",
    status: 408,
  },
  HEADERS_TOO_LARGE: {
    title: "The header fields of the request are over the limit",
    solve: "Send fewer or shorter ones: most often cookies have grown. The limit is in `detail`.",
    status: 431,
  },
  TARGET_TOO_LONG: {
    title: "The path of the request is over the limit of its service",
    solve: "Send a shorter path or query: a service in BHTTP mode takes 4,096 bytes of both together.",
    status: 414,
  },
  NO_ROUTE: {
    title: "No function has this path",
    solve: "Look up the paths with `narun ls`, or push the function.",
    status: 404,
  },
  FIRST_PUSHES: {
    title: "The functions are still being pushed, and none has this path yet",
    solve:
      "Retry after the time in `Retry-After`: `narun up` and `narun dev` push the functions that they find when they start.",
    status: 503,
    retryable: true,
  },
  METHOD_NOT_ALLOWED: {
    title: "The route does not take this method",
    solve: "Use one of the methods in the `Allow` header, or add it to the route's `methods`.",
    status: 405,
  },
  BODY_TOO_LARGE: {
    title: "The request body is over the limit",
    solve: "Send less, or raise `limits.maxBodyBytes` in narun.yaml (and nats-server's `max_payload`).",
    status: 413,
    limit: "maxBodyBytes",
  },
  HOLD_QUEUE_FULL: {
    title: "Too many requests wait for this function",
    solve:
      "Retry after the time in `Retry-After`; raise the hold limits of the gateway or `scale.concurrency`.",
    status: 429,
    retryable: true,
  },
  HANDLER_THREW: {
    title: "The function failed",
    solve: "The stack is in `narun logs NAME`.",
    status: 500,
  },
  NOT_BEGUN: {
    title: "The time of the call was over before its handler began",
    solve:
      "A handler before it blocked the instance: bound its work, or lower `scale.concurrency`. A trigger calls again, and no attempt counts.",
    status: 503,
    retryable: true,
  },
  NO_SUCH_HANDLER: {
    title: "The function has no handler for such a request",
    solve:
      "Export one: `export default { fetch }` takes requests, `scheduled`, `queue` and `message` take triggers. `narun logs NAME` names the handler.",
    status: 404,
  },
  HANDLER_RETURNED_NO_RESPONSE: {
    title: "The function returned no Response",
    solve:
      "Return a Response (or a promise of one) from the handler; `narun logs NAME` shows the returned value.",
    status: 500,
  },
  CONSUMER_DIED: {
    title: "The instance died while it handled the request",
    solve:
      "Retry if the request may run twice. An idempotent method or an `Idempotency-Key` header lets narun retry. The known reason is in `narun logs NAME`.",
    status: 502,
  },
  BAD_REPLY: {
    title: "The consumer's answer is not an HTTP response",
    solve:
      "Answer with valid header fields and an `X-Response-Status-Code` between 200 and 599; `narun logs NAME` shows the fault.",
    status: 502,
  },
  SERVICE_ERROR: {
    title: "The service answered with an error",
    solve: "The error is in the service's own logs.",
    status: 502,
  },
  RESPONSE_TOO_LARGE: {
    title: "The response is over the limit",
    solve:
      "Answer with less, or raise `limits.maxResponseBytes`. Header fields have 256 KiB together. For a caller that takes no streams nats-server's `max_payload` counts. `narun logs NAME` names the limit that was met.",
    status: 502,
    limit: "maxResponseBytes",
  },
  MEMORY_LIMIT: {
    title: "The function used more memory than it may",
    solve: "Use less, or raise `limits.memoryMb` in narun.yaml. Details are in `narun logs NAME`.",
    status: 502,
    limit: "memoryMb",
  },
  TIMER_LIMIT: {
    title: "The function has more open timers than it may",
    solve: "Clear timers that are no longer needed, or raise `limits.timers` in narun.yaml.",
  },
  STREAM_BROKEN: {
    title: "A streamed body was lost on its way",
    solve: "Retry if the request may run twice. NATS or one of the two sides was away.",
    status: 502,
  },
  STREAM_LIMIT: {
    title: "A body streamed for longer than it may",
    solve: "Connect again, or raise `limits.streamMs` in narun.yaml.",
    status: 408,
    limit: "streamMs",
  },
  BODY_TOO_SLOW: {
    title: "The body came too slowly while others waited",
    solve:
      "Send it again. A body that comes at less than 16 KiB each second gives way where the gateway has no more room for slow ones.",
    status: 408,
    retryable: true,
  },
  SOCKET_MESSAGE_TOO_LARGE: {
    title: "A message of a WebSocket is over the limit",
    solve:
      "Send it in parts: each message is whole in memory on its way, so no setting raises the limit. The WebSocket was closed with 1009.",
  },
  WAIT_UNTIL_LIMIT: {
    title: "Work of `ctx.waitUntil` went on for longer than it may",
    solve: "Do less after the response, or raise `limits.waitUntilMs` in narun.yaml.",
  },
  LOG_LIMIT: {
    title: "The function logs more than it may",
    solve: "Log less, or raise `limits.logBytesPerSecond` in narun.yaml.",
  },
  CLIENT_GONE: {
    title: "The client did not wait for the answer",
    solve: "No action is needed: `request.signal` tells the handler, which may stop its work.",
  },
  NO_CONSUMER: {
    title: "Nothing can run this function at the moment",
    solve:
      "Retry after the time in `Retry-After`. `narun nodes` shows the nodes, `narun ls` the function's state.",
    status: 503,
    retryable: true,
  },
  FUNCTION_START_FAILED: {
    title: "The function could not be started",
    solve: "The reason is in `narun logs NAME` and `narun ls`; push a revision that starts.",
    status: 503,
    retryable: true,
  },
  START_LIMIT: {
    title: "The function took longer to start than it may",
    solve: "Do less at the module's top level, or raise `limits.startMs` in narun.yaml.",
  },
  GATEWAY_DRAINING: {
    title: "This gateway is shutting down",
    solve: "Retry: another gateway, or this one after its restart, answers.",
    status: 503,
    retryable: true,
  },
  DEADLINE_EXCEEDED: {
    title: "The function did not answer in time",
    solve: "Answer sooner, or raise `limits.timeoutMs` in narun.yaml. Details are in `narun logs NAME`.",
    status: 504,
    limit: "timeoutMs",
  },
  CPU_LIMIT: {
    title: "The function used more CPU time than it may",
    solve:
      "Find the loop, or raise `limits.cpuMs` in narun.yaml. `narun logs NAME` shows the place where it is known.",
    status: 504,
    limit: "cpuMs",
  },
  MACHINE_BUSY: {
    title: "The machine gave the function too little CPU time",
    solve:
      "Retry if the request may run twice. `narun logs NAME` says how long the function ran and how much of that was CPU time: give the machine fewer functions or more cores.",
    status: 503,
  },
  SERVICE_LOOP: {
    title: "Functions call each other without end",
    solve:
      "Look for a function that calls itself by its service bindings, directly or through others. Calls may be 16 deep.",
    status: 508,
  },
  INTERNAL: {
    title: "narun failed",
    solve: "The gateway's log has the request id and the cause.",
    status: 500,
  },

  // Errors that a function meets at work. They are in its log, and in the error that `fetch` rejects with.
  EGRESS_REFUSED: {
    title: "The function may not connect to this address",
    solve:
      "Only public addresses are reachable. List others under `egress` in narun.yaml. Addresses in the node's `--egress-deny` stay refused.",
  },
  STORE_LIMIT: {
    title: "The bucket has reached the function's limit of bytes",
    solve:
      "Delete entries that are not needed, give keys a TTL, or raise `limits.maxStoreBytes` in narun.yaml.",
  },
  SUBREQUEST_LIMIT: {
    title: "The request made more requests of its own than it may",
    solve: "Make fewer, or raise `limits.subrequests` in narun.yaml.",
  },
} as const satisfies Record<string, ErrorEntry>;
