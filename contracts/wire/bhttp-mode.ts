/**
 * BHTTP mode: a whole request and its whole reply as data of NATS messages (docs/wire.md, "Binary HTTP over NATS"). The facts
 * are the same as in header mode: a request can be sent in either mode.
 *
 * I1  A field that is narun's or NATS' own, or belongs to one connection, neither goes into a message nor comes out of one.
 * I2  A message has no `content-length` that its content contradicts.
 */
import { type ErrorCode, errorEntry } from "../error-catalogue.ts";
import { SWITCHING_PROTOCOLS } from "../http-status.ts";
import { PROBLEM_CONTENT_TYPE, type Problem, RETRY_AFTER_SECONDS } from "../problem.ts";
import {
  BHTTP_BOUNDS,
  type BhttpRead,
  readBhttpRequest,
  readBhttpResponse,
  writeBhttpRequest,
  writeBhttpResponse,
} from "./bhttp.ts";
import { COOKIE_SEPARATOR, type FieldList, type FieldReading, type ReadFields } from "./field-list.ts";
import { fieldName } from "./field-names.ts";
import { type DecodedRequest, isRequestId, type RequestFacts, requestIdOf } from "./header-mode.ts";
import { headerNames } from "./header-names.ts";
import { type Headers, headerValue } from "./headers.ts";

/** The content type of a message in this mode, as the original toolkit writes it. */
export const BHTTP_CONTENT_TYPE = "application/bhttp";

/**
 * Whether a message is a request in this mode. A client's own upload of binary HTTP comes in header mode, which names its
 * method.
 */
export function isBhttpRequest(headers: Headers | undefined): boolean {
  if (headers === undefined || headers.has(headerNames.method) || headers.has(headerNames.rawPath))
    return false;
  const type = headerValue(headers, "Content-Type");
  return type !== undefined && MEDIA_TYPE.test(type);
}

const MEDIA_TYPE = /^\s*(?:application|message)\/bhttp\s*(?:;|$)/i;

/** A request in this mode, or the reason why it cannot be one. */
export type EncodedBhttp = { ok: true; data: Uint8Array } | { ok: false; code: ErrorCode };

/** The data of a request's message. */
export function encodeBhttpRequest(facts: RequestFacts, content: Uint8Array): EncodedBhttp {
  const { method, rawPath, query, host, scheme } = facts;
  const path = query === "" ? rawPath : `${rawPath}?${query}`;
  if (path.length > BHTTP_BOUNDS.path) return { ok: false, code: "TARGET_TOO_LONG" };
  const fields = travelling(facts.fields, FROM_SENDER);
  if (
    fields.some(
      (text, at) => at % 2 === 1 && text.length + (fields[at - 1]?.length ?? 0) > BHTTP_BOUNDS.field,
    )
  )
    return { ok: false, code: "HEADERS_TOO_LARGE" };
  if (content.byteLength > 0 || HAS_BODY.has(method)) fields.push("content-length", `${content.byteLength}`);
  const data = writeBhttpRequest({
    ...{ framing: "known", method, scheme, authority: host, path, fields, content, trailers: [] },
  });
  return data === undefined ? { ok: false, code: "BAD_REQUEST" } : { ok: true, data };
}

const FROM_SENDER: ReadonlySet<string> = new Set(["host", "content-length"]);
/** The methods whose empty body has a length, as in HTTP (RFC 9110, section 8.6). */
const HAS_BODY = new Set(["POST", "PUT", "PATCH"]);

export interface DecodedBhttpRequest extends DecodedRequest {
  content: Uint8Array;
}

/** Reads a request. Facts that BHTTP has no place for come in the headers of its message. */
export function decodeBhttpRequest(
  data: Uint8Array,
  headers: Headers | undefined,
): BhttpRead<DecodedBhttpRequest> {
  const read = readBhttpRequest(data);
  if (!read.ok) return read;
  const { method, scheme, authority, path, fields, content } = read.message;
  if (!hasOwnLength(fields, content))
    return { ok: false, why: "its content-length is not that of its content" };
  const hosts = valuesOf(fields, "host");
  if (hosts.length > 1 || (authority !== "" && hosts.some((host) => host !== authority)))
    return { ok: false, why: "it names two hosts" };
  const mark = path.indexOf("?");
  return {
    ok: true,
    message: {
      method,
      rawPath: mark === -1 ? path : path.slice(0, mark),
      query: mark === -1 ? "" : path.slice(mark + 1),
      host: authority === "" ? (hosts[0] ?? "") : authority,
      scheme: scheme.toLowerCase() === "https" ? "https" : "http",
      fields: joinCookies(travelling(fields, HOST)),
      requestId: requestIdOf(headers) ?? idIn(fields),
      hops: 0,
      isUpgrade: false,
      content,
    },
  };
}

const HOST: ReadonlySet<string> = new Set(["host"]);

/** The data of a reply's message; undefined where BHTTP cannot carry it. The reply to HEAD says the length, and has no content. */
export function encodeBhttpReply(
  status: number,
  fields: FieldList,
  content: Uint8Array,
  method: string,
): Uint8Array | undefined {
  const isEmpty = method === "HEAD" || status === 204 || status === 304;
  const own = travelling(fields, isEmpty ? NOTHING : LENGTH);
  const hasLength = isEmpty && valuesOf(own, "content-length").length > 0;
  if (!isEmpty || (method === "HEAD" && !hasLength && content.byteLength > 0))
    own.push("content-length", `${content.byteLength}`);
  return writeBhttpResponse({
    ...{ framing: "known", status, informational: [], fields: own, trailers: [] },
    content: isEmpty ? NO_CONTENT : content,
  });
}

const NOTHING: ReadonlySet<string> = new Set();
const LENGTH: ReadonlySet<string> = new Set(["content-length"]);
const NO_CONTENT = new Uint8Array();

/** The data of an error's message: a whole answer, as its readers know nothing but BHTTP. Nothing internal is in it. */
export function encodeBhttpError(problem: Problem, method: string): Uint8Array {
  const content = Buffer.from(JSON.stringify(problem));
  const fields = ["content-type", PROBLEM_CONTENT_TYPE];
  if (errorEntry(problem.code).retryable === true) fields.push("retry-after", String(RETRY_AFTER_SECONDS));
  return encodeBhttpReply(problem.status, fields, content, method) ?? NO_CONTENT;
}

/** A response out of a reply, as `decodeReply` tells one. */
export interface DecodedBhttpReply extends ReadFields {
  kind: "response";
  status: number;
  content: Uint8Array;
}

/** Reads a reply. Trailers come among the fields: a whole answer of HTTP/1.1 with a length has none. */
export function decodeBhttpReply(data: Uint8Array, { omitted }: FieldReading): BhttpRead<DecodedBhttpReply> {
  const read = readBhttpResponse(data);
  if (!read.ok) return read;
  const { status, fields, trailers, content } = read.message;
  // The length of an answer to HEAD is that of another one.
  if (content.byteLength > 0 && !hasOwnLength(fields, content))
    return { ok: false, why: "its content-length is not that of its content" };
  const own = travelling([...fields, ...trailers], omitted);
  return {
    ok: true,
    message: {
      ...{ kind: "response", status, fields: own, content },
      announcedLength: valuesOf(fields, "content-length")[0],
      isValid: status !== SWITCHING_PROTOCOLS,
    },
  };
}

/** The fields that travel, without the omitted ones. */
function travelling(fields: FieldList, omitted: ReadonlySet<string>): string[] {
  const listed = new Set(
    valuesOf(fields, "connection").flatMap((value) => value.toLowerCase().split(/\s*,\s*/)),
  );
  const own: string[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const { lower, kind } = fieldName(fields[at] ?? "");
    if (kind !== "travels" || omitted.has(lower) || listed.has(lower)) continue;
    own.push(lower, fields[at + 1] ?? "");
  }
  return own;
}

/** The lines of `Cookie` are one, as servers expect it (RFC 9113, section 8.2.3). */
function joinCookies(fields: string[]): string[] {
  const cookies = valuesOf(fields, "cookie");
  if (cookies.length < 2) return fields;
  const others = fields.filter((_, at) => fields[at - (at % 2)] !== "cookie");
  return [...others, "cookie", cookies.join(COOKIE_SEPARATOR)];
}

function valuesOf(fields: FieldList, name: string): string[] {
  return fields.flatMap((value, at) =>
    at % 2 === 1 && fields[at - 1]?.toLowerCase() === name ? [value] : [],
  );
}

function hasOwnLength(fields: FieldList, { byteLength }: Uint8Array): boolean {
  return valuesOf(fields, "content-length").every((length) => length === String(byteLength));
}

/** The id that a proxy before the sender gave the request. */
function idIn(fields: FieldList): string | undefined {
  const [id] = valuesOf(fields, "x-request-id");
  return isRequestId(id) ? id : undefined;
}
