import { decodeRequest, timeLeftOf } from "../../contracts/index.ts";
import type { Message } from "../../nats/index.ts";
import { blockOfFields } from "./header-block.ts";

/** A request as it enters an isolate. */
export interface IncomingRequest {
  requestId: string;
  method: string;
  url: string;
  headerBlock: string;
  /** A number is the id of a stream. */
  body: ArrayBuffer | number | undefined;
  /** How long its sender waits for the answer. */
  timeoutMs: number;
  /** The end of that time, as functions may see it: epoch milliseconds by this machine's clock. */
  deadline: number;
  /** How many functions have called each other up to this request. */
  hops: number;
}

/** Reads a request to a service. `mostMs`: the upper bound of its time. */
export function requestFromMessage(message: Message, service: string, mostMs: number): IncomingRequest {
  const { headers, data } = message;
  const { method, host, scheme, rawPath, query, fields, requestId, hops, isUpgrade } = decodeRequest(
    message,
    service,
  );
  const isHost = host !== "" && !NOT_IN_HOST.test(host);
  if (isHost) fields.push("host", host);
  // A hop-by-hop field that handlers look at all the same.
  if (isUpgrade) fields.push("upgrade", "websocket");
  const timeoutMs = Math.max(0, Math.min(timeLeftOf(headers) ?? mostMs, mostMs));
  const path = `${rawPath.startsWith("/") ? "" : "/"}${rawPath}${query === "" ? "" : `?${query}`}`;
  return {
    requestId: requestId ?? crypto.randomUUID(),
    method,
    url: urlOf(scheme, isHost ? host : service, path, service),
    headerBlock: blockOfFields(fields),
    // Not `slice()`: the data may be a Buffer, whose slices share memory with the neighbouring messages.
    body: data.byteLength > 0 ? new Uint8Array(data).buffer : undefined,
    hops,
    timeoutMs,
    deadline: Date.now() + timeoutMs,
  };
}

/** At these a URL parser ends the host early, or takes its beginning for the name of a user. */
const NOT_IN_HOST = /[/?#@\\]/;

/**
 * The service's name stands in for a Host that is not valid: clients may send anything. The URL is parsed as a whole, as a
 * path of its own could choose the host: `//elsewhere/`.
 */
function urlOf(scheme: string, host: string, path: string, service: string): string {
  const url = URL.parse(`${scheme}://${host}${path}`) ?? URL.parse(`${scheme}://${service}${path}`);
  return url?.href ?? `${scheme}://${service}/`;
}
