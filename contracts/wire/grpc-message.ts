/**
 * A unary call of gRPC as one message of NATS and its reply, without length prefixes: the form of the original toolkit
 * (docs/wire.md, "gRPC over NATS").
 *
 * I1  A reply without an error alone means OK. An error's code is never OK.
 * I2  Metadata are header fields with a prefix, so that none is taken for a field of NATS or narun.
 * I3  Every header of a message is optional, and may have been written by any client of NATS.
 */
import { type ErrorCode, isErrorCode } from "../error-catalogue.ts";
import { type FieldList, isPlain } from "./field-list.ts";
import { fieldName } from "./field-names.ts";
import { type GrpcCode, grpcCodeOfService } from "./grpc-status.ts";
import { formatGrpcTimeout, parseGrpcTimeout } from "./grpc-timeout.ts";
import { isServiceError } from "./header-mode.ts";
import { headerNames } from "./header-names.ts";
import { appendHeader, createHeaders, type Headers, headerValue, type WireMessage } from "./headers.ts";

const INITIAL = "Grpc-Md-";
const TRAILING = "Grpc-Trailer-";

/** Fields of HTTP that are no metadata. */
const NO_METADATA = new Set(["content-type", "content-length", "host", "x-request-id"]);

export interface GrpcRequestFacts {
  /** `/pkg.Svc/Method` */
  path: string;
  /** Names and values alternating. Fields of HTTP and of gRPC's own are left out. */
  metadata: FieldList;
  /** How long the client still waits; undefined where it does not say. */
  timeoutMs: number | undefined;
  requestId: string | undefined;
}

/** The headers of a call's message; undefined where a value cannot be sent. */
export function encodeGrpcRequest({
  path,
  metadata,
  timeoutMs,
  requestId,
}: GrpcRequestFacts): Headers | undefined {
  const headers = createHeaders([[headerNames.grpcMethod, path]]);
  if (timeoutMs !== undefined) headers.set(headerNames.grpcTimeout, [formatGrpcTimeout(timeoutMs)]);
  if (requestId !== undefined) headers.set(headerNames.requestId, [requestId]);
  return isPlain(path) && appendMetadata(headers, INITIAL, metadata) ? headers : undefined;
}

/** Reads a call; undefined where the message is none. */
export function decodeGrpcRequest({ headers }: WireMessage): GrpcRequestFacts | undefined {
  const path = headerValue(headers, headerNames.grpcMethod);
  if (headers === undefined || path === undefined) return undefined;
  const timeout = headerValue(headers, headerNames.grpcTimeout);
  return {
    path: path.startsWith("/") ? path : `/${path}`,
    metadata: readMetadata(headers, INITIAL),
    timeoutMs: timeout === undefined ? undefined : parseGrpcTimeout(timeout),
    requestId: headerValue(headers, headerNames.requestId),
  };
}

export interface GrpcReplyFacts {
  /** Undefined: OK. */
  error?: { code: GrpcCode; message: string };
  initial: FieldList;
  trailing: FieldList;
}

/** The headers of a reply. Metadata that cannot be sent is left out. An error's message is one line. */
export function encodeGrpcReply({ error, initial, trailing }: GrpcReplyFacts): Headers {
  const headers: Headers = new Map();
  appendMetadata(headers, INITIAL, initial);
  appendMetadata(headers, TRAILING, trailing);
  if (error === undefined) return headers;
  headers.set(headerNames.serviceErrorCode, [String(error.code)]);
  headers.set(headerNames.serviceError, [error.message.replace(/[\r\n\0]+/g, " ").trim()]);
  return headers;
}

/** The meaning of a reply. */
export type DecodedGrpcReply =
  | { kind: "ok"; initial: FieldList; trailing: FieldList }
  /** The service's own error. `message`: undefined where the service named none of gRPC's codes, as its text is not for callers. */
  | { kind: "error"; code: GrpcCode; message: string | undefined; initial: FieldList; trailing: FieldList }
  /** narun's own error. */
  | { kind: "failed"; code: ErrorCode };

export function decodeGrpcReply({ headers = new Map() }: Pick<WireMessage, "headers">): DecodedGrpcReply {
  const failed = headerValue(headers, headerNames.error);
  if (isErrorCode(failed)) return { kind: "failed", code: failed };
  const initial = readMetadata(headers, INITIAL);
  const trailing = readMetadata(headers, TRAILING);
  if (!isServiceError(headers)) return { kind: "ok", initial, trailing };
  const text = headerValue(headers, headerNames.serviceErrorCode);
  const isOwnCode = text !== undefined && /^(?:[1-9]|1[0-6])$/.test(text);
  const message = isOwnCode ? (headerValue(headers, headerNames.serviceError) ?? "") : undefined;
  return { kind: "error", code: grpcCodeOfService(text), message, initial, trailing };
}

function appendMetadata(headers: Headers, prefix: string, metadata: FieldList): boolean {
  let isWhole = true;
  for (let at = 0; at + 1 < metadata.length; at += 2) {
    const { canonical, lower, kind } = fieldName(metadata[at] ?? "");
    if (kind !== "travels" || NO_METADATA.has(lower) || isOfGrpc(lower)) continue;
    const value = metadata[at + 1] ?? "";
    if (isPlain(value)) appendHeader(headers, prefix + canonical, value);
    else isWhole = false;
  }
  return isWhole;
}

/** Whether a field is gRPC's own. The details of a status are metadata for programs that pass it on. */
function isOfGrpc(name: string): boolean {
  return name.startsWith("grpc-") && name !== "grpc-status-details-bin";
}

function readMetadata(headers: Headers, prefix: string): string[] {
  const fields: string[] = [];
  for (const [name, values] of headers) {
    if (!name.startsWith(prefix)) continue;
    const { lower, kind } = fieldName(name.slice(prefix.length));
    if (kind !== "travels" || NO_METADATA.has(lower) || isOfGrpc(lower)) continue;
    for (const value of values) if (isPlain(value)) fields.push(lower, value);
  }
  return fields;
}
