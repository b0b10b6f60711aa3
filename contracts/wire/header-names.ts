/**
 * The NATS headers of a request and a reply. `X-Original-*` and `X-Response-*` are compatible; `Narun-*` are narun's own.
 */
export const headerNames = {
  method: "X-Original-Method",
  /** The decoded path. Control characters stay percent-encoded, as a header cannot carry them. */
  path: "X-Original-Path",
  /** The raw query, without the question mark. */
  query: "X-Original-Query",
  host: "X-Original-Host",
  remoteAddress: "X-Original-RemoteAddr",
  /** On a unary call of gRPC as one message: `/pkg.Svc/Method` (grpc-message.ts). Compatible. */
  grpcMethod: "X-Original-Grpc-Method",
  /** Beside it, how long its client still waits, as in `grpc-timeout`. */
  grpcTimeout: "Grpc-Timeout",
  forwardedFor: "X-Forwarded-For",
  forwardedProto: "X-Forwarded-Proto",
  forwardedHost: "X-Forwarded-Host",
  responseStatus: "X-Response-Status-Code",
  requestId: "Narun-Request-Id",
  /** The end of the sender's wait for the answer, in epoch milliseconds. */
  deadline: "Narun-Deadline",
  /** How long the sender waits for the answer, in milliseconds. It counts before the deadline, which is a time of day. */
  timeout: "Narun-Timeout",
  /** The path as the client wrote it, percent-encoding kept. */
  rawPath: "Narun-Path",
  /** Comma-separated names of the header fields whose bytes are not UTF-8 (header-bytes.ts). */
  latin1: "Narun-Latin1",
  /** On a request: its sender takes streams; the token of the exchange. On a reply: the body follows in frames. */
  stream: "Narun-Stream",
  /** On the answering side's first message: its id in the subjects of control messages, where its asker cannot know. */
  answerer: "Narun-Answerer",
  /** On a request, `stream`: the message carries the beginning of the body, the rest follows in frames. */
  body: "Narun-Body",
  /** On a request, `websocket`: its client asks for one (RFC 6455). */
  upgrade: "Narun-Upgrade",
  /** The meaning of a stream's message (see stream.ts). */
  frame: "Narun-Frame",
  /** On a request to a service's own subject: the id of the sender's world. None: the sender knows no worlds. */
  world: "Narun-World",
  /** How many functions have called each other by service bindings up to this request; none: 0. */
  hops: "Narun-Hops",
  /** The caller: the function by whose binding the call came, or `mcp:KEY`. Set by hosts and gateways; none: a client. */
  caller: "Narun-Caller",
  /** On a request to an instance: the handler that takes it, in place of `fetch` (trigger.ts). */
  trigger: "Narun-Trigger",
  /** A code of the error catalogue, on a reply that is an error. */
  error: "Narun-Error",
  /** Beside it, the value of the function's limit that was met: a node may allow less than the spec says. */
  limit: "Narun-Limit",
  /** On a message of `narun-calls`: its facts (calls.ts). */
  call: "Narun-Call",
  /** On a message of `narun-dead-letters`: its facts (dead-letter.ts). */
  deadLetter: "Narun-Dead-Letter",
  /** On a stored message that came out of the dead letters: the function that it is for. Other functions pass over it. */
  redriveFor: "Narun-Redrive-For",
  /** On an event: its key (events.ts). */
  eventKey: "Narun-Event-Key",
  /** The function that published it. */
  eventSource: "Narun-Event-Source",
  /** It is retained: `1`. */
  eventRetained: "Narun-Event-Retained",
  /** On an event whose value is sealed: the type of the clear value. It is bound to the value (docs/encryption.md). */
  eventSealedType: "Narun-Sealed-Type",
  /** On a retained event: its sequence in `narun-events`. */
  eventSequence: "Narun-Event-Sequence",
  /** On an event as a handler gets it, and on its dead letter: the handler (service-description.ts). */
  eventHandler: "Narun-Event-Handler",
  serviceErrorCode: "Nats-Service-Error-Code",
  serviceError: "Nats-Service-Error",
} as const;

/** Upper bound of `Narun-Hops`. A further call to a function is answered SERVICE_LOOP. */
export const MAX_HOPS = 16;
