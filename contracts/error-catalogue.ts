import type { ErrorEntry } from "./error-entry.ts";

/**
 * Every error that narun names. `docs/errors.md` is generated from this table. Codes are stable: programs branch on them,
 * never on texts.
 */
export const errorCatalogue = {
  // What a client of a function sees.
  BAD_REQUEST: {
    title: "The request cannot be understood",
    solve:
      "Send a well-formed HTTP request; over NATS, header fields whose names HTTP has: no space in them.",
    status: 400,
  },
  REQUEST_TIMEOUT: {
    title: "The header fields of the request did not come in time",
    solve: "Send them within a minute of the connection's start, or of the request's first byte.",
    status: 408,
  },
  HEADERS_TOO_LARGE: {
    title: "The header fields of the request are over the limit",
    solve: "Send fewer or shorter ones: cookies are what most often grows. The limit is in `detail`.",
    status: 431,
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
  HANDLER_RETURNED_NO_RESPONSE: {
    title: "The function returned no Response",
    solve:
      "Return a Response (or a promise of one) from the handler; `narun logs NAME` says what it returned.",
    status: 500,
  },
  CONSUMER_DIED: {
    title: "The instance died while it handled the request",
    solve:
      "Retry if the request may run twice. An idempotent method or an `Idempotency-Key` header lets narun retry. What is known of the reason is in `narun logs NAME`.",
    status: 502,
  },
  BAD_REPLY: {
    title: "The consumer answered something that is no HTTP response",
    solve:
      "Answer with valid header fields and an `X-Response-Status-Code` between 200 and 599; `narun logs NAME` says what was wrong.",
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
      "Answer with less, or raise `limits.maxResponseBytes`; header fields have 256 KiB together, and for a caller that takes no streams nats-server's `max_payload` counts. Which of them it was is in `narun logs NAME`.",
    status: 502,
    limit: "maxResponseBytes",
  },
  MEMORY_LIMIT: {
    title: "The function used more memory than it may",
    solve: "Use less, or raise `limits.memoryMb` in narun.yaml. More is in `narun logs NAME`.",
    status: 502,
    limit: "memoryMb",
  },
  TIMER_LIMIT: {
    title: "The function has more open timers than it may",
    solve: "Clear those that are not needed any more, or raise `limits.timers` in narun.yaml.",
  },
  STREAM_BROKEN: {
    title: "A streamed body was lost on its way",
    solve: "Retry if the request may run twice. NATS or one of the two sides was away meanwhile.",
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
      "Send it in parts: each message is whole in memory wherever it passes, so no setting raises the limit. The WebSocket was closed with 1009.",
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
    solve: "Nothing: `request.signal` tells the handler, which may stop its work.",
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
    solve: "Answer sooner, or raise `limits.timeoutMs` in narun.yaml. More is in `narun logs NAME`.",
    status: 504,
    limit: "timeoutMs",
  },
  CPU_LIMIT: {
    title: "The function used more CPU time than it may",
    solve:
      "Find the loop, or raise `limits.cpuMs` in narun.yaml. Where it was is in `narun logs NAME` as far as it is known.",
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
      "Look for a function that calls itself by its service bindings, by way of others or not. 16 calls deep is the most.",
    status: 508,
  },
  INTERNAL: {
    title: "narun failed",
    solve: "The gateway's log has the request id and the cause.",
    status: 500,
  },

  // What a function meets at work. They are in its log and in the error that `fetch` rejects with.
  EGRESS_REFUSED: {
    title: "The function may not connect to this address",
    solve:
      "Only public addresses are reachable. List others under `egress` in narun.yaml; what the node's `--egress-deny` names stays refused.",
  },
  STORE_LIMIT: {
    title: "The bucket has as many bytes as the function may let it have",
    solve: "Delete what is not needed, give keys a TTL, or raise `limits.maxStoreBytes` in narun.yaml.",
  },
  SUBREQUEST_LIMIT: {
    title: "The request made more requests of its own than it may",
    solve: "Make fewer, or raise `limits.subrequests` in narun.yaml.",
  },

  // What an author sees when building and pushing.
  CONFIG_INVALID: {
    title: "narun.yaml is not valid",
    solve: "Correct the named line.",
  },
  ENTRY_NOT_FOUND: {
    title: "The function has no entry file",
    solve: "Name it in narun.yaml (`entry:`), or add index.ts.",
  },
  BUILD_FAILED: {
    title: "The function does not build",
    solve: "Correct the named place in the source.",
  },
  NODE_BUILTIN_IN_ISOLATE: {
    title: "The function needs a module of Node, which an isolate does not have",
    solve:
      "Use a Web-standard package instead. Functions of `mode: node` need a node that runs them: `narun nodes` shows what each runs.",
  },
  NAME_TWICE: {
    title: "Two folders are functions of one name",
    solve: "Give one of them another name: `name:` in its narun.yaml.",
  },
  NO_HANDLER: {
    title: "The entry exports no handler",
    solve: "Export a default function, a default object with `fetch`, or functions named after HTTP methods.",
  },
  BUNDLE_TOO_LARGE: {
    title: "The bundle is over the limit",
    solve: "Remove what weighs most (`narun build` lists it), or raise `limits.maxBundleBytes`.",
  },
  PUSH_CONFLICT: {
    title: "Somebody else changed this function at the same time",
    solve: "Look at `narun revisions`, then push again.",
  },
  TRIAL_FAILED: {
    title: "The new revision does not start; what was live before stays live",
    solve: "Correct the error that is shown.",
  },

  // What an operator or a user of the command line sees.
  USAGE: {
    title: "The command is not used like this",
    solve: "See `narun help`.",
  },
  GATEWAY_CONFIG_INVALID: {
    title: "The gateway's configuration is not valid",
    solve: "Correct the named lines of the file that `--config` names.",
  },
  NATS_UNREACHABLE: {
    title: "NATS does not answer",
    solve: "Start it (`narun up` starts one), or name another with --nats or NARUN_NATS_URL.",
  },
  NATS_LOGIN_REFUSED: {
    title: "NATS refused the login",
    solve:
      "Give the login that the server knows: in the address (nats://USER:PASSWORD@HOST), or by --user, --creds or --nkey (NATS_USER and NATS_PASSWORD, NATS_TOKEN, NATS_CREDS, NATS_NKEY).",
  },
  NATS_TLS_FAILED: {
    title: "No TLS connection to NATS came about",
    solve:
      "Name the authority of the server's certificate with --tls-ca (NATS_CA), the client's own with --tls-cert and --tls-key (NATS_CERT, NATS_KEY), and the server by the name in its certificate.",
  },
  NATS_PERMISSIONS_VIOLATION: {
    title: "NATS does not permit a subject",
    solve:
      "Permit the named subject to the user that logs in to NATS (`permissions` in nats-server's configuration, or `nsc edit user`); inboxes are `_INBOX.>`.",
    status: 502,
  },
  NATS_TOO_OLD: {
    title: "nats-server is too old",
    solve: "Use nats-server 2.14 or newer.",
  },
  NATS_NO_JETSTREAM: {
    title: "NATS has no JetStream, in which narun keeps everything",
    solve: "Start nats-server with `-js`, and allow JetStream for the account.",
  },
  STREAM_UNFIT: {
    title: "A stream of NATS is not as narun needs it",
    solve:
      "Change the stream that `detail` names as it says. Whatever else was changed of narun's streams may stay.",
  },
  NATS_JETSTREAM_UNAVAILABLE: {
    title: "JetStream is not available now",
    solve:
      "Try again in some seconds: a cluster may be electing a leader. Else start the servers of the cluster that are away; `nats stream report` shows which streams they hold, and whether those have replicas.",
  },
  NATS_SERVER_NOT_FOUND: {
    title: "No nats-server could be found or fetched",
    solve: "Install nats-server 2.14 or newer and put it on the PATH, or name it in NARUN_NATS_SERVER.",
  },
  NATS_SERVER_FAILED: {
    title: "nats-server did not start",
    solve: "Its own last words are shown; correct what they name.",
  },
  NODE_RUNNER_FAILED: {
    title: "The node-runner did not start",
    solve: "Its own last words are shown; correct what they name.",
  },
  ADDRESS_IN_USE: {
    title: "The address is taken",
    solve: "Stop what listens there, or choose another port (0 picks a free one).",
  },
  DATA_DIR_LOCKED: {
    title: "Another narun runs on this data folder",
    solve: "Stop it, or choose another folder with --data-dir.",
  },
  FUNCTION_NOT_FOUND: {
    title: "No function has this name",
    solve: "See `narun ls`.",
  },
  REVISION_NOT_FOUND: {
    title: "The function has no such revision",
    solve: "See `narun revisions NAME`.",
  },
  SPEC_INVALID: {
    title: "The function's spec is not valid; the last good one stays in force",
    solve: "Push again, or roll back.",
  },
  DIGEST_MISMATCH: {
    title: "Stored bytes are not what their digest says; they are not run",
    solve: "Push again: it replaces what is damaged.",
  },
  OBJECT_NOT_FOUND: {
    title: "A stored file is missing",
    solve: "Push again.",
  },

  SECRET_MISSING: {
    title: "There is no such secret",
    solve: "Set it with `narun secret set NAME`; `narun secret ls` lists those that there are.",
  },
  SECRET_UNREADABLE: {
    title: "A secret cannot be read",
    solve: "It was set under another key, or is damaged. Set it again, with the key that the nodes have.",
  },
  SECRETS_KEY_MISSING: {
    title: "The key of the secrets is missing",
    solve:
      "Give it to the node, or to the command `narun secret set`: in NARUN_SECRETS_KEY (32 bytes, base64), or in a file that `--secrets-key` names.",
  },

  // Why a node refuses or ends an instance.
  MODE_UNSUPPORTED: {
    title: "The node does not run functions of this mode",
    solve: "Start a node-runner that does; `narun nodes` shows what each runs.",
  },
  NODE_FULL: {
    title: "The node has no room for another instance",
    solve: "Add a node, or raise the node's limit of instances.",
  },
  NODE_STOPPING: {
    title: "The node is shutting down",
    solve: "Another node takes over; start one if there is none.",
  },
  INSTANCE_DRAINING: {
    title: "The instance takes no new requests; this one was not started",
    solve: "The gateway sends it elsewhere by itself.",
  },
  ISOLATE_TAMPERED: {
    title: "The function's isolate did what the platform in it never does; the instance was ended",
    solve:
      "Look in the function, and in its packages, for code that replaces what the language has built in; `narun logs NAME` says what it did.",
    status: 502,
  },
  HOST_CRASHED: {
    title: "The sandbox process died",
    solve: "narun starts another; a function that does it again and again is in `narun logs NAME`.",
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorCatalogue;

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(errorCatalogue, value);
}

/** The catalogue's entry for a code, with the optional keys visible to the type checker. */
export function errorEntry(code: ErrorCode): ErrorEntry {
  return errorCatalogue[code];
}

/** What the person who meets an error can do, with the function's name in the commands. */
export function solveOf(code: ErrorCode, name: string): string {
  return errorEntry(code).solve.replace(
    /(`narun (?:logs|revisions)) NAME`/g,
    (_all, command) => `${command} ${name}\``,
  );
}
