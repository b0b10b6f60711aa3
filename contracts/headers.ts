/** The NATS headers of a request and a reply. Those under `X-Original-*` and `X-Response-*` are compatible; `Narun-*` are ours. */
export const headerNames = {
  method: "X-Original-Method",
  /** The decoded path. Control characters stay percent-encoded, as a header cannot carry them. */
  path: "X-Original-Path",
  /** The raw query, without the question mark. */
  query: "X-Original-Query",
  host: "X-Original-Host",
  remoteAddress: "X-Original-RemoteAddr",
  responseStatus: "X-Response-Status-Code",
  requestId: "Narun-Request-Id",
  /** Epoch milliseconds after which nobody waits for the answer any more. */
  deadline: "Narun-Deadline",
  /** Milliseconds from the sending on after which nobody waits any more; before the deadline, which is a time of day. */
  timeout: "Narun-Timeout",
  /** The path as the client wrote it, percent-encoding kept. */
  rawPath: "Narun-Path",
  /** Comma-separated names of those header fields whose bytes are not UTF-8: they travel as the UTF-8 of their ISO-8859-1 reading. */
  latin1: "Narun-Latin1",
  /** On a request: its sender takes streams; the token of the exchange. On a reply: the body follows in frames. */
  stream: "Narun-Stream",
  /** On the answering side's first message: its id in the subjects of control messages, where its asker cannot know. */
  answerer: "Narun-Answerer",
  /** On a request, `stream`: what the message carries is the beginning of the body, the rest follows in frames. */
  body: "Narun-Body",
  /** On a request, `websocket`: its client asks for one (RFC 6455). */
  upgrade: "Narun-Upgrade",
  /** What a message of a stream says (see stream.ts). */
  frame: "Narun-Frame",
  /** On a request to a service's own subject: the id of the sender's world. None: the sender knows no worlds. */
  world: "Narun-World",
  /** How many functions have called each other by service bindings up to this request; none: 0. */
  hops: "Narun-Hops",
  /** A code of the error catalogue, on a reply that is an error. */
  error: "Narun-Error",
  /** Beside it, the value of the function's limit that was met: a node may allow less than the spec says. */
  limit: "Narun-Limit",
  serviceErrorCode: "Nats-Service-Error-Code",
  serviceError: "Nats-Service-Error",
} as const;

/** The most of them: whoever would call one more function gets SERVICE_LOOP. */
export const MAX_HOPS = 16;

const RESERVED = /^(x-original-|x-response-|narun-|nats-)/i;

/** Whether a header is narun's or NATS' own: a client's is dropped at the gateway, a handler's at the host. */
export function isReservedHeader(name: string): boolean {
  return RESERVED.test(name);
}

const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Whether a header belongs to one HTTP connection and never travels on (RFC 9110, section 7.6.1). */
export function isHopByHopHeader(lowerCaseName: string): boolean {
  return HOP_BY_HOP.has(lowerCaseName);
}

/** A header name in the form in which Go's `net/http` and `nats.go` look it up: `x-request-id` → `X-Request-Id`. */
export function canonicalHeaderName(name: string): string {
  const known = canonicalNames.get(name);
  if (known !== undefined) return known;
  const canonical = name.toLowerCase().replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
  if (canonicalNames.size < MAX_CACHED_NAMES) canonicalNames.set(name, canonical);
  return canonical;
}

// A cache, not state: names repeat with every request. Bounded, as clients choose the names.
const MAX_CACHED_NAMES = 1_000;
const canonicalNames = new Map<string, string>();

/** What must come before a body, as it says how that is framed, routed or read (RFC 9110, section 6.5.1). */
const BEFORE_BODY = new Set([
  ...["content-length", "content-encoding", "content-type", "content-range", "x-request-id"],
  ...["host", "authorization", "set-cookie", "cache-control", "expires", "location", "vary"],
]);

/** Whether a field may follow a body, on its way out of narun. */
export function isTrailer(name: string): boolean {
  const lowerCaseName = name.toLowerCase();
  return !isReservedHeader(name) && !isHopByHopHeader(lowerCaseName) && !BEFORE_BODY.has(lowerCaseName);
}
