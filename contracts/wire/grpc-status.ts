/**
 * The status of a gRPC call: its codes, their names, and the codes of errors that have other numbers (docs/wire.md, "gRPC over
 * NATS").
 */
import { type ErrorCode, errorEntry } from "../error-catalogue.ts";

export const grpcCodes = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export type GrpcCodeName = keyof typeof grpcCodes;
export type GrpcCode = (typeof grpcCodes)[GrpcCodeName];

/** The names of the codes as Go prints them, in their order: labels of the original toolkit's metrics. */
const GO_NAMES = [
  ...["OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists"],
  ...["PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange"],
  ...["Unimplemented", "Internal", "Unavailable", "DataLoss", "Unauthenticated"],
];

/** A code's name as Go prints it. A number that is no code is `Unknown`. */
export function goNameOf(code: number): string {
  return GO_NAMES[code] ?? "Unknown";
}

export function isGrpcCode(code: unknown): code is GrpcCode {
  return typeof code === "number" && Number.isInteger(code) && code >= 0 && code < GO_NAMES.length;
}

/** Reads a `grpc-status`; undefined where it is no decimal number. A number beyond the codes is UNKNOWN. */
export function parseGrpcStatus(text: string): GrpcCode | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const code = Number(text);
  return isGrpcCode(code) ? code : grpcCodes.UNKNOWN;
}

/** The codes of errors whose HTTP status does not tell enough. */
const OF_ERRORS: Partial<Record<ErrorCode, GrpcCodeName>> = {
  NO_ROUTE: "UNIMPLEMENTED",
  HANDLER_THREW: "UNKNOWN",
  BAD_REPLY: "INTERNAL",
  SERVICE_ERROR: "UNKNOWN",
  RESPONSE_TOO_LARGE: "RESOURCE_EXHAUSTED",
  MEMORY_LIMIT: "RESOURCE_EXHAUSTED",
  CPU_LIMIT: "RESOURCE_EXHAUSTED",
  STREAM_LIMIT: "DEADLINE_EXCEEDED",
  CLIENT_GONE: "CANCELLED",
  EGRESS_REFUSED: "PERMISSION_DENIED",
};

/** The codes of the other errors that a gateway answers with, by their HTTP status. */
const OF_ERROR_STATUS: Readonly<Record<number, GrpcCodeName>> = {
  400: "INVALID_ARGUMENT",
  404: "NOT_FOUND",
  405: "UNIMPLEMENTED",
  408: "UNAVAILABLE",
  413: "RESOURCE_EXHAUSTED",
  414: "INVALID_ARGUMENT",
  429: "UNAVAILABLE",
  431: "RESOURCE_EXHAUSTED",
  502: "UNAVAILABLE",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

/** The gRPC code of an error of the catalogue: never OK. An error that no caller is answered with is INTERNAL. */
export function grpcCodeOf(code: ErrorCode): GrpcCode {
  return grpcCodes[OF_ERRORS[code] ?? OF_ERROR_STATUS[errorEntry(code).status ?? 500] ?? "INTERNAL"];
}

/** gRPC's own table for answers of HTTP servers that know no gRPC (its doc/http-grpc-status-mapping.md). */
const OF_HTTP_ANSWERS: Readonly<Record<number, GrpcCodeName>> = {
  400: "INTERNAL",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "UNIMPLEMENTED",
  429: "UNAVAILABLE",
  502: "UNAVAILABLE",
  503: "UNAVAILABLE",
  504: "UNAVAILABLE",
};

/** The code of a call that was answered with an HTTP status in place of one of gRPC. It is never OK. */
export function grpcCodeOfHttpAnswer(status: number): GrpcCode {
  return grpcCodes[OF_HTTP_ANSWERS[status] ?? "UNKNOWN"];
}

/** The HTTP status that services mean where a gRPC code stands (google/rpc/code.proto). */
const OF_SERVICE_STATUS: Readonly<Record<number, GrpcCodeName>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  408: "DEADLINE_EXCEEDED",
  409: "ABORTED",
  412: "FAILED_PRECONDITION",
  413: "RESOURCE_EXHAUSTED",
  416: "OUT_OF_RANGE",
  429: "RESOURCE_EXHAUSTED",
  499: "CANCELLED",
  500: "INTERNAL",
  501: "UNIMPLEMENTED",
  502: "UNAVAILABLE",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

/** Reads `Nats-Service-Error-Code` of a gRPC service: a gRPC code, or a status of HTTP. It is never OK. */
export function grpcCodeOfService(text: string | undefined): GrpcCode {
  const number = text !== undefined && /^\d{1,3}$/.test(text) ? Number(text) : -1;
  if (isGrpcCode(number) && number !== grpcCodes.OK) return number;
  return grpcCodes[OF_SERVICE_STATUS[number] ?? "UNKNOWN"];
}

const encoder = new TextEncoder();

/** Writes a `grpc-message`: bytes of UTF-8 beyond visible ASCII, and `%`, are percent-encoded. */
export function encodeGrpcMessage(text: string): string {
  if (/^[ -$&-~]*$/.test(text)) return text;
  let encoded = "";
  for (const byte of encoder.encode(text)) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

/** Reads a `grpc-message`. A percent sign that encodes nothing stays as it is. */
export function decodeGrpcMessage(text: string): string {
  if (!text.includes("%")) return text;
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const digits = text[at] === "%" ? text.slice(at + 1, at + 3) : "";
    if (/^[0-9a-fA-F]{2}$/.test(digits)) {
      bytes.push(Number.parseInt(digits, 16));
      at += 2;
    } else bytes.push(...encoder.encode(text[at]));
  }
  return new TextDecoder().decode(Uint8Array.from(bytes));
}
