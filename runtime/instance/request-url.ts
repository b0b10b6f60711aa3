/** The URL of a request, as `Request.url` has it. Most requests have a target that a URL parser leaves as it is. */
import { BoundedMap } from "../../contracts/index.ts";

/** The parts of a request that its URL is made of: a client's choice. */
export interface RequestTarget {
  scheme: "http" | "https";
  /** Empty: the client names none. */
  host: string;
  rawPath: string;
  /** Without the question mark. */
  query: string;
}

/** At these a URL parser ends the host early, or takes its beginning for the name of a user. */
const NOT_IN_HOST = /[/?#@\\]/;

/** Whether a text can be a host. */
export function isHost(host: string): boolean {
  return host !== "" && !NOT_IN_HOST.test(host);
}

/**
 * A path that a URL parser leaves as it is. No segment begins with a dot or an escape: it may be `..`, however that is written.
 * Only the last segment is empty.
 */
const PLAIN_PATH = /^(?:\/[\w~!$&()*+,;=:@-][\w~!$&()*+,;=:@.%-]*)*\/?$/;
const PLAIN_QUERY = /^[\w~!$&()*+,;=:@.%/?-]*$/;

/** Upper bound of the cached origins: clients choose the hosts. */
const MAX_ORIGINS = 256;
/** Upper bound of the length of a DNS name, with a port. */
const MAX_HOST_LENGTH = 260;

/** Caches, not state: a host has always the same origin. Empty: the host is none. */
const origins = {
  http: new BoundedMap<string, string>(MAX_ORIGINS),
  https: new BoundedMap<string, string>(MAX_ORIGINS),
};

function originOf(scheme: "http" | "https", host: string): string {
  const cached = origins[scheme].get(host);
  if (cached !== undefined) return cached;
  const origin = isHost(host) ? (URL.parse(`${scheme}://${host}`)?.origin ?? "") : "";
  // A copy: the host is a part of a longer text, which the cache would keep.
  if (host.length <= MAX_HOST_LENGTH) origins[scheme].set(Buffer.from(host).toString(), origin);
  return origin;
}

/**
 * The service's name stands in for a Host that is not valid: clients may send anything. A URL that needs a parser is parsed as a
 * whole, as a path of its own could choose the host: `//elsewhere/`.
 */
export function urlOf({ scheme, host, rawPath, query }: RequestTarget, service: string): string {
  const isPlain = rawPath !== "" && PLAIN_PATH.test(rawPath) && PLAIN_QUERY.test(query);
  const origin = isPlain ? originOf(scheme, host) || originOf(scheme, service) : "";
  if (origin !== "") return query === "" ? origin + rawPath : `${origin + rawPath}?${query}`;
  const path = `${rawPath.startsWith("/") ? "" : "/"}${rawPath}${query === "" ? "" : `?${query}`}`;
  const own = isHost(host) ? host : service;
  const url = URL.parse(`${scheme}://${own}${path}`) ?? URL.parse(`${scheme}://${service}${path}`);
  return url?.href ?? `${scheme}://${service}/`;
}
