/**
 * `grpc-status-details-bin`: the errors of the gateway for programs (google/rpc/status.proto, error_details.proto). A status
 * of a function has the details that the function gave it.
 */
import { type ErrorCode, errorEntry, type GrpcCode, RETRY_AFTER_SECONDS } from "../../contracts/index.ts";
import { joined, protoField } from "./protobuf.ts";

/** Numbers of fields in google/rpc. */
const STATUS = { code: 1, message: 2, details: 3 };
const ANY = { type: 1, value: 2 };
const ERROR_INFO = { reason: 1, domain: 2, metadata: 3 };
const RETRY_INFO = { delay: 1 };

/** The `domain` of an `ErrorInfo`: its `reason` is a code of the catalogue. */
const DOMAIN = "narun";

/** An error of the gateway. */
export interface OwnError {
  code: GrpcCode;
  message: string;
  error: ErrorCode;
}

/** A message about an error, of google/rpc/error_details.proto. */
export interface ErrorDetail {
  /** `google.rpc.ErrorInfo` */
  type: string;
  value: Uint8Array;
}

/** The details of an error of the catalogue. */
export function errorDetails(error: ErrorCode, requestId: string): ErrorDetail[] {
  const info = joined([
    protoField(ERROR_INFO.reason, error),
    protoField(ERROR_INFO.domain, DOMAIN),
    protoField(ERROR_INFO.metadata, joined([protoField(1, "requestId"), protoField(2, requestId)])),
  ]);
  const details = [{ type: "google.rpc.ErrorInfo", value: info }];
  if (errorEntry(error).retryable === true) {
    const delay = protoField(RETRY_INFO.delay, protoField(1, RETRY_AFTER_SECONDS));
    details.push({ type: "google.rpc.RetryInfo", value: delay });
  }
  return details;
}

/** Base64 without padding, as binary metadata is written. */
export function statusDetails({ code, message, error }: OwnError, requestId: string): string {
  const parts = [
    protoField(STATUS.code, code),
    protoField(STATUS.message, message),
    ...errorDetails(error, requestId).map((detail) => protoField(STATUS.details, anyOf(detail))),
  ];
  return Buffer.from(joined(parts)).toString("base64").replace(/=+$/, "");
}

function anyOf({ type, value }: ErrorDetail): Uint8Array {
  return joined([protoField(ANY.type, `type.googleapis.com/${type}`), protoField(ANY.value, value)]);
}
