import {
  fromWireValue,
  headerNames,
  isErrorCode,
  isHopByHopHeader,
  isReservedHeader,
} from "../contracts/index.ts";
import { type Headers, headerValue, type Message } from "../nats/index.ts";
import { type Destination, failureResponse, type GatewayResponse } from "./gateway-response.ts";
import type { StreamHead } from "./stream-response.ts";

/**
 * What a reply means for the request. The first two prove that nobody has begun to handle it; a `stream` is an answer
 * whose body follows in frames, a `frame` is about the body of the request or of such an answer.
 */
export type ReplyVerdict = "no-responders" | "draining" | "answer" | "stream" | "frame" | "unreadable";

const NO_RESPONDERS = 503;
const SWITCHING_PROTOCOLS = 101;

export function readVerdict(message: Message): ReplyVerdict {
  if (!message.isReadable) return "unreadable";
  if (message.status === NO_RESPONDERS && message.data.length === 0) return "no-responders";
  if (headerValue(message.headers, headerNames.error) === "INSTANCE_DRAINING") return "draining";
  if (message.headers?.has(headerNames.frame)) return "frame";
  return message.headers?.has(headerNames.stream) ? "stream" : "answer";
}

/** Whether a reply says that the service failed. */
export function isServiceError({ headers }: Message): boolean {
  return (
    headers?.has(headerNames.serviceErrorCode) === true || headers?.has(headerNames.serviceError) === true
  );
}

/** The HTTP answer that a consumer's reply stands for (header mode; see `docs/wire.md`). */
export function toResponse(
  message: Message,
  method: string,
  requestId: string,
  destination: Destination,
): GatewayResponse {
  const headers = message.headers ?? new Map();
  return (
    errorOf(headers, requestId, destination) ??
    answerOf(headers, message.data, method) ??
    failureResponse("BAD_REPLY", requestId, destination)
  );
}

/** The head of an answer whose body follows in frames; undefined where HTTP cannot carry it. */
export function toStreamHead({ headers = new Map() }: Message): StreamHead | undefined {
  const read = fieldsOf(headers);
  if (read === undefined) return undefined;
  const { fields, announcedLength } = read;
  const length =
    announcedLength !== undefined && /^\d{1,15}$/.test(announcedLength) ? Number(announcedLength) : undefined;
  return { status: statusOf(headers), headers: fields, length };
}

/** What a service that failed is answered as. Its text stays inside, and it is never a success. */
function errorOf(headers: Headers, requestId: string, destination: Destination): GatewayResponse | undefined {
  const known = headerValue(headers, headerNames.error);
  if (isErrorCode(known)) {
    return failureResponse(known, requestId, destination, { limit: limitOf(headers) });
  }
  const code = headerValue(headers, headerNames.serviceErrorCode);
  if (code === undefined && !headers.has(headerNames.serviceError)) return undefined;
  const status = Number(code);
  return Number.isInteger(status) && status >= 400 && status <= 599
    ? failureResponse("SERVICE_ERROR", requestId, destination, { status })
    : failureResponse("SERVICE_ERROR", requestId, destination);
}

function limitOf(headers: Headers): number | undefined {
  const text = headerValue(headers, headerNames.limit);
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function answerOf(headers: Headers, data: Uint8Array, method: string): GatewayResponse | undefined {
  const status = statusOf(headers);
  const read = fieldsOf(headers);
  // A switch of protocols is told by a stream only: on a connection that stays HTTP it would desynchronise whoever reads it.
  if (read === undefined || status === SWITCHING_PROTOCOLS) return undefined;
  const { fields, announcedLength } = read;
  if (status === 204 || status === 304) return { status, headers: fields, body: undefined };
  if (method === "HEAD") {
    const length = lengthOfHead(announcedLength, data);
    if (length !== undefined) fields.push("Content-Length", length);
    return { status, headers: fields, body: undefined };
  }
  fields.push("Content-Length", String(data.length));
  return { status, headers: fields, body: data };
}

/** The fields that go on to the client; undefined where HTTP cannot carry one. */
function fieldsOf(headers: Headers): { fields: string[]; announcedLength: string | undefined } | undefined {
  const fields: string[] = [];
  const dropped = namedIn(headers, "Connection");
  const latin1 = namedIn(headers, headerNames.latin1);
  let announcedLength: string | undefined;
  for (const [name, values] of headers) {
    const lower = name.toLowerCase();
    if (lower === "content-length") announcedLength = values[0];
    if (isSetHere(lower) || dropped.has(lower)) continue;
    for (const value of values) {
      const bytes = fromWireValue(value, latin1.has(lower));
      if (!isValidField(name, bytes)) return undefined;
      fields.push(name, bytes);
    }
  }
  return { fields, announcedLength };
}

/** What belongs to one connection, to narun itself, or is written by the gateway for every answer. */
function isSetHere(lower: string): boolean {
  return (
    lower === "content-length" ||
    lower === "x-request-id" ||
    isHopByHopHeader(lower) ||
    isReservedHeader(lower)
  );
}

const DEFAULT_STATUS = 200;

function statusOf(headers: Headers): number {
  const text = headerValue(headers, headerNames.responseStatus);
  return text !== undefined && /^(101|[2-5]\d\d)$/.test(text) ? Number(text) : DEFAULT_STATUS;
}

const NOBODY: ReadonlySet<string> = new Set();

/** The lower-case names that a field lists, comma-separated. */
function namedIn(headers: Headers, name: string): ReadonlySet<string> {
  const values = headers.get(name);
  if (values === undefined) return NOBODY;
  return new Set(values.flatMap((value) => value.split(",").map((listed) => listed.trim().toLowerCase())));
}

/** The length that GET would have had: what the consumer says, or the body that it sent although it was HEAD. */
function lengthOfHead(announced: string | undefined, data: Uint8Array): string | undefined {
  if (announced !== undefined && /^\d+$/.test(announced)) return announced;
  return data.length > 0 ? String(data.length) : undefined;
}

const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// What is not a tab, visible ASCII, a space or a byte beyond ASCII (RFC 9110, section 5.5).
const FORBIDDEN_IN_VALUE = /[^\t\u0020-\u007e\u0080-\u00ff]/;

function isValidField(name: string, value: string): boolean {
  return FIELD_NAME.test(name) && !FORBIDDEN_IN_VALUE.test(value);
}
