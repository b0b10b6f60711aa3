/** The status that a call ends with, and its form as trailing metadata. */
import {
  type ErrorCode,
  encodeGrpcMessage,
  errorEntry,
  explainFailure,
  type FieldList,
  type FrameFault,
  type GrpcCode,
  grpcCodeOf,
  grpcCodes,
} from "../../contracts/index.ts";
import type { Destination } from "../http/gateway-response.ts";
import { statusDetails } from "./status-details.ts";

export interface GrpcStatus {
  code: GrpcCode;
  message: string;
  /** The error of the catalogue behind it. Undefined: the status is the function's, or the service's, own. */
  error?: ErrorCode;
  /** Further trailing metadata: names and values alternating. */
  fields?: FieldList;
}

/** The status of an error of the catalogue. `detail`: the facts of this occurrence. */
export function statusOf(error: ErrorCode, detail?: string): GrpcStatus {
  const { title } = errorEntry(error);
  const message = detail === undefined ? title : `${title}: ${detail}`;
  return { code: grpcCodeOf(error), message: `${message} (${error})`, error };
}

/** The status of a call that a function, or a service, failed. Its own text stays inside. */
export function failureStatus(
  error: ErrorCode,
  { service: name, spec }: Destination,
  limit?: number,
): GrpcStatus {
  const kind = spec === undefined ? "service" : "function";
  return statusOf(error, explainFailure(error, { name, kind, limits: spec?.limits, limit }));
}

/** The status of a call whose messages are faulty. */
export function faultStatus(fault: FrameFault): GrpcStatus {
  switch (fault.kind) {
    case "too-large":
      return ownStatus(
        grpcCodes.RESOURCE_EXHAUSTED,
        "BODY_TOO_LARGE",
        `the message has ${fault.bytes} bytes, the limit is ${fault.maxBytes}`,
      );
    case "cut":
      return malformed("the body ended within a message");
    case "not-encoded":
      return malformed("a message is compressed, but grpc-encoding names no encoding");
    case "bad-flag":
      return malformed(`a message begins with ${fault.flag} in place of 0 or 1`);
  }
}

/** A status of the gateway with another code, or another text, than those of the error. */
export function ownStatus(code: GrpcCode, error: ErrorCode, message: string): GrpcStatus {
  return { code, message, error };
}

/** The client broke the rules of gRPC. */
export function malformed(message: string): GrpcStatus {
  return ownStatus(grpcCodes.INTERNAL, "BAD_REQUEST", message);
}

/** How long a client waits for its call. */
export interface Deadline {
  timeoutMs: number;
  /** By `performance.now()`. */
  endsAtMs: number;
}

/** A timer of Node may fire this much before its time. */
const EARLY_MS = 2;

/** Errors of a call that was not sent to an instance. */
const WAITED_FOR_INSTANCE = new Set<ErrorCode | undefined>([
  ...(["NO_CONSUMER", "FUNCTION_START_FAILED", "HOLD_QUEUE_FULL", "FIRST_PUSHES"] as const),
]);
/** Errors whose own text says nothing besides. */
const WAITED_FOR_ANSWER = new Set<ErrorCode | undefined>(["DEADLINE_EXCEEDED", "STREAM_LIMIT"]);

/**
 * The status of a call, as the client's deadline has it: an error of the gateway after that is DEADLINE_EXCEEDED, and says
 * what the call waited for.
 */
export function atDeadline(status: GrpcStatus, path: string, deadline: Deadline | undefined): GrpcStatus {
  const isLate = deadline !== undefined && performance.now() >= deadline.endsAtMs - EARLY_MS;
  if (!isLate || status.error === undefined) return status;
  let waited = status.message;
  if (WAITED_FOR_INSTANCE.has(status.error))
    waited = `${path} waited for an instance of its function, and none was ready`;
  else if (WAITED_FOR_ANSWER.has(status.error)) waited = `${path} waited for the answer of its function`;
  const message = `the client's deadline of ${deadline.timeoutMs} ms is over: ${waited} (DEADLINE_EXCEEDED)`;
  return ownStatus(grpcCodes.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", message);
}

/** As trailing metadata, names and values alternating. */
export function fieldsOf(status: GrpcStatus, requestId: string): string[] {
  const { code, message, error, fields = [] } = status;
  const own = ["grpc-status", String(code)];
  if (message !== "") own.push("grpc-message", encodeGrpcMessage(message));
  if (error !== undefined)
    own.push("grpc-status-details-bin", statusDetails({ code, message, error }, requestId));
  return [...own, ...fields];
}
