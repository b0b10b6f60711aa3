import { headerNames } from "../../contracts/index.ts";
import { type Headers, headerValue, type Message, timeLeftOf } from "../../nats/index.ts";
import { headerBlockOf } from "./header-block.ts";

/** A request as it enters an isolate. */
export interface IncomingRequest {
  requestId: string;
  method: string;
  url: string;
  headerBlock: string;
  /** A number is the id of a stream. */
  body: ArrayBuffer | number | undefined;
  /** For how long its answer is waited for. */
  timeoutMs: number;
  /** When that is over, as functions may see it: epoch milliseconds by this machine's clock. */
  deadline: number;
  /** How many functions have called each other up to this request. */
  hops: number;
}

/**
 * Reads a request in header mode (docs/wire.md). Every header is optional: a plain NATS request with data is a POST,
 * one without a GET, to the path `/<service>`.
 */
export function requestFromMessage(message: Message, service: string, mostMs: number): IncomingRequest {
  const { headers, data } = message;
  const method = headerValue(headers, headerNames.method) ?? (data.byteLength > 0 ? "POST" : "GET");
  const timeoutMs = Math.max(0, Math.min(timeLeftOf(headers) ?? mostMs, mostMs));
  return {
    requestId: headerValue(headers, headerNames.requestId) ?? crypto.randomUUID(),
    method,
    url: urlOf(headers, service),
    headerBlock: headers === undefined ? "" : requestBlockOf(headers),
    // Not `slice()`: the data may be a Buffer, whose slices share memory with the neighbouring messages.
    body: data.byteLength > 0 ? new Uint8Array(data).buffer : undefined,
    hops: hopsOf(headerValue(headers, headerNames.hops)),
    timeoutMs,
    deadline: Date.now() + timeoutMs,
  };
}

function hopsOf(text: string | undefined): number {
  return text !== undefined && /^\d{1,3}$/.test(text) ? Number(text) : 0;
}

function urlOf(headers: Headers | undefined, service: string): string {
  const host = hostOf(headers) ?? service;
  const scheme = headerValue(headers, "X-Forwarded-Proto") === "https" ? "https" : "http";
  const rawPath = headerValue(headers, headerNames.rawPath) ?? encodedPath(headers, service);
  const query = headerValue(headers, headerNames.query) ?? "";
  const path = `${rawPath.startsWith("/") ? "" : "/"}${rawPath}${query === "" ? "" : `?${query}`}`;
  // A Host that is no host (clients may send anything) must not cost the request: the service's name stands in. Always
  // the whole URL, as a path of its own could choose the host: `//elsewhere/`.
  const url = URL.parse(`${scheme}://${host}${path}`) ?? URL.parse(`${scheme}://${service}${path}`);
  return url?.href ?? `${scheme}://${service}/`;
}

/** At these a URL parser ends the host early, or takes its beginning for the name of a user. */
const NOT_IN_HOST = /[/?#@\\]/;

/** The host that the client named, where it named one. */
function hostOf(headers: Headers | undefined): string | undefined {
  const host = headerValue(headers, headerNames.host) ?? "";
  return host === "" || NOT_IN_HOST.test(host) ? undefined : host;
}

/** Other toolkits send only the decoded path. */
function encodedPath(headers: Headers | undefined, service: string): string {
  const path = headerValue(headers, headerNames.path);
  return path === undefined ? `/${service}` : encodeURI(path).replace(/[?#]/g, encodeURIComponent);
}

function requestBlockOf(headers: Headers): string {
  let block = headerBlockOf(headers);
  const host = hostOf(headers);
  if (host !== undefined) block += `host\n${host}\n`;
  // A hop-by-hop field, which handlers look at all the same.
  if (headerValue(headers, headerNames.upgrade) === "websocket") block += "upgrade\nwebsocket\n";
  return block;
}
