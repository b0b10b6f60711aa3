/**
 * The names of header fields: their spelling, and how far they travel. Names repeat with every message, so they are read
 * once.
 */
import { isFieldName } from "./headers.ts";

export interface FieldName {
  /** The form in which Go's `net/http` and `nats.go` look a name up: `X-Request-Id`. */
  readonly canonical: string;
  readonly lower: string;
  /**
   * `travels`: it goes from end to end. `connection`: it lists further fields of its connection. `stays`: it belongs to one
   * connection, or to narun or NATS. `invalid`: HTTP has no such name.
   */
  readonly kind: "travels" | "connection" | "stays" | "invalid";
}

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

/** Fields that say how a body is framed, routed or read. They come before it (RFC 9110, section 6.5.1). */
const BEFORE_BODY = new Set([
  ...["content-length", "content-encoding", "content-type", "content-range", "x-request-id"],
  ...["host", "authorization", "set-cookie", "cache-control", "expires", "location", "vary"],
]);

/** Whether a field may follow a body, on its way out of narun. */
export function isTrailer(name: string): boolean {
  const { kind, lower } = fieldName(name);
  return kind === "travels" && !BEFORE_BODY.has(lower);
}

/** Upper bound of the cache: clients choose the names. */
const MAX_CACHED_NAMES = 1_000;

/** A cache, not state: the same name is always read alike. */
const known = new Map<string, FieldName>();

/** Reads the name of a field. */
export function fieldName(name: string): FieldName {
  const cached = known.get(name);
  if (cached !== undefined) return cached;
  const read = readName(name);
  if (known.size < MAX_CACHED_NAMES) known.set(name, read);
  return read;
}

function readName(name: string): FieldName {
  const lower = name.toLowerCase();
  const canonical = lower.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
  return { canonical, lower, kind: kindOf(lower) };
}

function kindOf(lower: string): FieldName["kind"] {
  if (lower === "connection") return "connection";
  if (isHopByHopHeader(lower) || isReservedHeader(lower)) return "stays";
  return isFieldName(lower) ? "travels" : "invalid";
}
