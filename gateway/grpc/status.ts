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

export interface GrpcStatus {
  code: GrpcCode;
  message: string;
  /** The error of the catalogue behind it. */
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
      return {
        code: grpcCodes.RESOURCE_EXHAUSTED,
        message: `the message has ${fault.bytes} bytes, the limit is ${fault.maxBytes}`,
      };
    case "cut":
      return { code: grpcCodes.INTERNAL, message: "the body ended within a message" };
    case "not-encoded":
      return {
        code: grpcCodes.INTERNAL,
        message: "a message is compressed, but grpc-encoding names no encoding",
      };
    case "bad-flag":
      return { code: grpcCodes.INTERNAL, message: `a message begins with ${fault.flag} in place of 0 or 1` };
  }
}

/** As trailing metadata, names and values alternating. */
export function fieldsOf({ code, message, fields = [] }: GrpcStatus): string[] {
  const own = ["grpc-status", String(code)];
  if (message !== "") own.push("grpc-message", encodeGrpcMessage(message));
  return [...own, ...fields];
}
