/**
 * Header mode: a request and its reply as NATS messages with header fields (docs/wire.md, "HTTP over NATS").
 *
 * I1  A field that is narun's or NATS' own, or belongs to one connection, neither goes into a message nor comes out of one.
 * I2  The bytes of a value come out as they went in (header-bytes.ts).
 * I3  Every header of a message is optional, and may have been written by any client of NATS.
 */
import { pathOfSubject } from "../action-routes.ts";
import { type ErrorCode, errorEntry, isErrorCode } from "../error-catalogue.ts";
import { SWITCHING_PROTOCOLS } from "../http-status.ts";
import { PROBLEM_CONTENT_TYPE, type Problem, RETRY_AFTER_SECONDS } from "../problem.ts";
import {
  appendFields,
  encodeValues,
  type FieldList,
  type FieldReading,
  isPlain,
  NO_FIELDS,
  type ReadFields,
  readFields,
} from "./field-list.ts";
import { headerNames } from "./header-names.ts";
import { createHeaders, type Headers, headerValue, isByteLine, type WireMessage } from "./headers.ts";
import { decodePath, encodePath } from "./request-path.ts";

/** An HTTP request, but for its body. */
export interface RequestFacts {
  method: string;
  /** The path as it was written, percent-encoding kept. */
  rawPath: string;
  /** Without the question mark. */
  query: string;
  /** Empty: the client names none. */
  host: string;
  scheme: "http" | "https";
  fields: FieldList;
  /** Default: none yet. */
  requestId?: string | undefined;
  /** How many functions have called each other up to this request. Default: 0. */
  hops?: number;
  /** The caller. Its function finds it as the field `narun-caller`, which clients cannot send. Default: a client. */
  caller?: string | undefined;
  /** Whether its client asks for a WebSocket. Default: no. */
  isUpgrade?: boolean;
}

/** The client of a request that came over HTTP. */
export interface ClientFacts {
  /** The client's address. */
  address: string;
  /** The other end of the connection, with its port: the client, or a proxy. */
  remoteAddress: string;
}

/** How a request is sent. */
export interface RequestSending {
  /** How long the sender waits for the answer. Default: it does not say. */
  timeoutMs?: number;
  /** Default: the request did not come over HTTP. */
  client?: ClientFacts;
}

/** `X-Original-Host` says the host; `Expect` was answered where the request came in. */
const ANSWERED_BEFORE = ["host", "expect"];
/** The gateway tells of the client. A client's own fields about that do not travel. */
export const FROM_CLIENT: ReadonlySet<string> = new Set([
  ...ANSWERED_BEFORE,
  ...["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"],
]);
/** The length is the message's own. */
export const FROM_FUNCTION: ReadonlySet<string> = new Set([...ANSWERED_BEFORE, "content-length"]);

/** The headers of a request's message; undefined where its target or a field cannot be sent. */
export function encodeRequest(
  facts: RequestFacts,
  { timeoutMs, client }: RequestSending,
): Headers | undefined {
  const { host, rawPath, query, requestId, hops, caller } = facts;
  const headers: Headers = new Map();
  const appended = appendFields(headers, facts.fields, client === undefined ? FROM_FUNCTION : FROM_CLIENT);
  if (appended === "refused") return undefined;
  if (client !== undefined) {
    headers.set(headerNames.forwardedFor, [client.address]);
    headers.set(headerNames.remoteAddress, [client.remoteAddress]);
    if (host !== "") headers.set(headerNames.forwardedHost, [host]);
  }
  const path = decodePath(rawPath);
  headers.set(headerNames.forwardedProto, [facts.scheme]);
  headers.set(headerNames.method, [facts.method]);
  headers.set(headerNames.path, [path]);
  headers.set(headerNames.query, [query]);
  if (host !== "") headers.set(headerNames.host, [host]);
  headers.set(headerNames.rawPath, [rawPath]);
  if (requestId !== undefined) headers.set(headerNames.requestId, [requestId]);
  if (timeoutMs !== undefined)
    headers.set(headerNames.deadline, [String(Date.now() + Math.round(timeoutMs))]);
  if (caller !== undefined) headers.set(headerNames.caller, [caller]);
  if (hops !== undefined) headers.set(headerNames.hops, [String(hops)]);
  if (facts.isUpgrade === true) headers.set(headerNames.upgrade, ["websocket"]);
  const hasPlainTarget = isPlain(rawPath) && isPlain(path) && isPlain(query) && isPlain(host);
  if (!hasPlainTarget && ![rawPath, query, host].every(isByteLine)) return undefined;
  if (appended === "bytes" || !hasPlainTarget) encodeValues(headers);
  return headers;
}

const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]);

/** Whether a request may run twice: by its method (RFC 9110, section 9.2.2), or because its client says how to tell. */
export function isRepeatable(method: string, hasIdempotencyKey: boolean): boolean {
  return hasIdempotencyKey || IDEMPOTENT.has(method);
}

/** The fields of a request: names in lower case, as the isolate has them. */
const REQUEST_FIELDS: FieldReading = { names: "lower", omitted: NO_FIELDS };

export interface DecodedRequest extends RequestFacts {
  fields: string[];
  hops: number;
  isUpgrade: boolean;
}

/**
 * Reads a request to a service. A plain message with data is a POST, one without a GET, to the path `/<service>`. Header mode
 * of the original toolkit has defaults of its own: POST, and the path `/`.
 */
export function decodeRequest(message: WireMessage, service: string): DecodedRequest {
  const { headers = NO_HEADERS } = message;
  const isOriginal = isOfOriginal(headers);
  return {
    method: isOriginal ? (headerValue(headers, headerNames.method) ?? "POST") : methodOf(message),
    rawPath: headerValue(headers, headerNames.rawPath) ?? encodedPathOf(headers, isOriginal ? "" : service),
    query: headerValue(headers, headerNames.query) ?? "",
    host: headerValue(headers, headerNames.host) ?? "",
    scheme: headerValue(headers, headerNames.forwardedProto) === "https" ? "https" : "http",
    fields: withCaller(readFields(headers, REQUEST_FIELDS).fields, headers),
    requestId: requestIdOf(headers),
    hops: hopsOf(headerValue(headers, headerNames.hops)),
    isUpgrade: headerValue(headers, headerNames.upgrade) === "websocket",
  };
}

/** The caller is a field to the function: readers of fields pass over narun's own. */
function withCaller(fields: string[], headers: Headers): string[] {
  const caller = headerValue(headers, headerNames.caller);
  if (caller !== undefined && isCaller(caller)) fields.push(CALLER_FIELD, caller);
  return fields;
}

/** The field by which a function learns who calls it. */
export const CALLER_FIELD: string = headerNames.caller.toLowerCase();

/** Whether a text can name a caller. */
export function isCaller(text: string): boolean {
  return /^[\w:.-]{1,128}$/.test(text);
}

/** Reads a request to the subject of an action: it is a POST to that subject as a path. A path of the message does not count. */
export function decodeActionRequest(message: WireMessage, subject: string): DecodedRequest {
  const method = headerValue(message.headers, headerNames.method) ?? "POST";
  return { ...decodeRequest(message, subject), method, rawPath: pathOfSubject(subject) };
}

const NO_HEADERS: Headers = new Map();

/** Whether a request names parts of itself, and its sender is no part of narun, which names all of them. */
function isOfOriginal(headers: Headers): boolean {
  if (headers.has(headerNames.rawPath)) return false;
  const { method, path, query, host } = headerNames;
  return [method, path, query, host].some((name) => headers.has(name));
}

const REQUEST_ID = /^[\w.:-]{1,128}$/;

/** Whether a client's id of its request is kept. Each header and each log line can carry such an id. */
export function isRequestId(id: unknown): id is string {
  return typeof id === "string" && REQUEST_ID.test(id);
}

/** The id that a message gives its request; undefined where none is kept. */
export function requestIdOf(headers: Headers | undefined): string | undefined {
  const id = headerValue(headers, headerNames.requestId);
  return isRequestId(id) ? id : undefined;
}

function methodOf({ headers, data }: WireMessage): string {
  return headerValue(headers, headerNames.method) ?? (data.byteLength > 0 ? "POST" : "GET");
}

function encodedPathOf(headers: Headers, service: string): string {
  const path = headerValue(headers, headerNames.path);
  return path === undefined ? `/${service}` : encodePath(path);
}

function hopsOf(text: string | undefined): number {
  return text !== undefined && /^\d{1,3}$/.test(text) ? Number(text) : 0;
}

/** The headers of a request that is passed on. Missing headers get their defaults. */
export function completeRequest(
  message: WireMessage,
  service: string,
  { requestId, timeoutMs }: { requestId: string; timeoutMs: number },
): Headers {
  const headers: Headers = new Map(message.headers ?? []);
  const path = headerValue(headers, headerNames.path) ?? `/${service}`;
  const defaults: [string, string][] = [
    [headerNames.method, methodOf(message)],
    [headerNames.path, path],
    [headerNames.rawPath, path],
    [headerNames.query, ""],
    [headerNames.host, "localhost"],
  ];
  for (const [name, value] of defaults) if (!headers.has(name)) headers.set(name, [value]);
  headers.set(headerNames.requestId, [requestId]);
  headers.set(headerNames.deadline, [String(Date.now() + timeoutMs)]);
  return headers;
}

const DEFAULT_STATUS = 200;

/** Whether a response can have a status. 101 answers a request for a WebSocket. */
export function isResponseStatus(status: unknown): status is number {
  return typeof status === "number" && (status === SWITCHING_PROTOCOLS || (status >= 200 && status <= 599));
}

/** The headers of a response's message; undefined where a field cannot be sent. */
export function encodeReply(status: number, fields: FieldList): Headers | undefined {
  const headers: Headers = new Map([[headerNames.responseStatus, [String(status)]]]);
  const appended = appendFields(headers, fields, NO_FIELDS);
  if (appended === "refused") return undefined;
  if (appended === "bytes") encodeValues(headers);
  return headers;
}

/**
 * The headers of an error's message: a NATS Micro error with a code of the catalogue. Nothing of the function's own is in it.
 * `limit`: the value of the limit that was met.
 */
export function encodeError(code: ErrorCode, limit: number | undefined): Headers {
  const { title, status = 500 } = errorEntry(code);
  return createHeaders([
    [headerNames.error, code],
    ...(limit === undefined ? [] : [[headerNames.limit, String(limit)] as const]),
    [headerNames.responseStatus, String(status)],
    [headerNames.serviceErrorCode, String(status)],
    [headerNames.serviceError, title],
  ]);
}

/**
 * An error's message for a sender that is no part of narun: its gateway hands all fields and the data on to its client, and reads
 * only the status. A client of NATS Micro reads the error.
 */
export function encodePlainError(problem: Problem): { headers: Headers; data: string } {
  const { status, title, code } = problem;
  const headers = createHeaders([
    [headerNames.responseStatus, String(status)],
    [headerNames.serviceErrorCode, String(status)],
    [headerNames.serviceError, title],
    ["Content-Type", PROBLEM_CONTENT_TYPE],
    ...(errorEntry(code).retryable === true ? [["Retry-After", String(RETRY_AFTER_SECONDS)] as const] : []),
  ]);
  return { headers, data: JSON.stringify(problem) };
}

/** Whether the sender of a request is a part of narun. */
export function isFromNarun(headers: Headers | undefined): boolean {
  return headers !== undefined && OF_NARUN.some((name) => headers.has(name));
}

const OF_NARUN = [
  headerNames.requestId,
  headerNames.world,
  headerNames.timeout,
  headerNames.deadline,
  headerNames.stream,
];

/** The meaning of a reply. */
export type DecodedReply =
  | ({ kind: "response"; status: number } & ReadFields)
  /** narun's own error. `limit`: the value of the limit that was met. */
  | { kind: "failed"; code: ErrorCode; limit: number | undefined }
  /** An error of a service that narun does not run. `status`: its own, where it is one of an error. */
  | { kind: "service-error"; status: number | undefined };

/** Reads a reply, or the head of a streamed one. */
export function decodeReply({ headers = NO_HEADERS }: WireMessage, reading: FieldReading): DecodedReply {
  const code = headerValue(headers, headerNames.error);
  if (isErrorCode(code)) return { kind: "failed", code, limit: limitOf(headers) };
  if (isServiceError(headers)) return { kind: "service-error", status: serviceStatusOf(headers) };
  const { fields, announcedLength, isValid } = readFields(headers, reading);
  return { kind: "response", status: statusOf(headers), fields, announcedLength, isValid };
}

/** Whether the headers of a reply say that the service failed. */
export function isServiceError(headers: Headers | undefined): boolean {
  if (headers === undefined) return false;
  return headers.has(headerNames.serviceErrorCode) || headers.has(headerNames.serviceError);
}

function limitOf(headers: Headers): number | undefined {
  const text = headerValue(headers, headerNames.limit);
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function serviceStatusOf(headers: Headers): number | undefined {
  const status = Number(headerValue(headers, headerNames.serviceErrorCode));
  return Number.isInteger(status) && status >= 400 && status <= 599 ? status : undefined;
}

function statusOf(headers: Headers): number {
  const text = headerValue(headers, headerNames.responseStatus);
  return text !== undefined && /^(101|[2-5]\d\d)$/.test(text) ? Number(text) : DEFAULT_STATUS;
}
