import {
  canonicalHeaderName,
  type ErrorCode,
  errorEntry,
  headerNames,
  isHopByHopHeader,
  isReservedHeader,
  type Limits,
  toWireValue,
} from "../../contracts/index.ts";
import { appendHeader, createHeaders, type Headers, headerValue, isHeaderSafe } from "../../nats/index.ts";
import { splitHeaderBlock } from "../../web/index.ts";

/** A reply as it goes out on NATS. */
export interface Reply {
  headers: Headers;
  data: Uint8Array | string;
}

/**
 * Turns what an isolate posted into a reply in header mode; undefined where it is no HTTP response. All of it is user
 * input: a handler may have changed anything that its `Response` was made of.
 */
export function replyFromResponse(status: unknown, headerBlock: unknown, body: unknown): Reply | undefined {
  const isStatus = typeof status === "number" && (status === 101 || (status >= 200 && status <= 599));
  if (!isStatus || typeof headerBlock !== "string") return undefined;
  const headers = createHeaders([[headerNames.responseStatus, String(status)]]);
  const latin1: string[] = [];
  for (const [name, value] of splitHeaderBlock(headerBlock)) {
    if (isReservedHeader(name) || isHopByHopHeader(name.toLowerCase())) continue;
    const wire = toWireValue(value);
    if (!isHeaderSafe(name, wire.value)) return undefined;
    appendHeader(headers, canonicalHeaderName(name), wire.value);
    if (wire.isLatin1) latin1.push(name.toLowerCase());
  }
  if (latin1.length > 0) appendHeader(headers, headerNames.latin1, latin1.join(","));
  if (body === undefined) return { headers, data: "" };
  if (typeof body === "string") return { headers, data: body };
  return body instanceof ArrayBuffer ? { headers, data: new Uint8Array(body) } : undefined;
}

/**
 * An error as a reply: a NATS Micro error with a code of the catalogue. Nothing of the function's own is in it. `limits`
 * are those that are in force here.
 */
export function replyFromError(code: ErrorCode, limits?: Limits): Reply {
  const { title, status = 500, limit } = errorEntry(code);
  const met = limit === undefined ? undefined : limits?.[limit];
  return {
    headers: createHeaders([
      [headerNames.error, code],
      ...(met === undefined ? [] : [[headerNames.limit, String(met)] as const]),
      [headerNames.serviceErrorCode, String(status)],
      [headerNames.serviceError, title],
    ]),
    data: "",
  };
}

/** The answer to a method that the function has no export for (RFC 9110, section 15.5.6). */
export function replyMethodNotAllowed(allow: string): Reply {
  const headers = createHeaders([
    [headerNames.responseStatus, "405"],
    ["Allow", /^[A-Z, ]*$/.test(allow) ? allow : ""],
  ]);
  return { headers, data: "" };
}

/** Bytes of a reply on the wire, against the server's `max_payload`. */
export function replySize({ headers, data }: Reply): number {
  let size = 16 + (typeof data === "string" ? Buffer.byteLength(data) : data.byteLength);
  for (const [name, values] of headers)
    for (const value of values) size += name.length + Buffer.byteLength(value) + 4;
  return size;
}

/** Whether an answer is a stream of server-sent events (HTML, section 9.2). */
export function isEventStream(headers: Headers): boolean {
  return /^\s*text\/event-stream\s*(?:;|$)/i.test(headerValue(headers, "Content-Type") ?? "");
}
