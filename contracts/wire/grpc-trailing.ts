/** The trailing metadata of a function's answer: its status, and the function's own (docs/wire.md, "gRPC over NATS"). */
import type { FieldList } from "./field-list.ts";
import { decodeGrpcMessage, type GrpcCode, grpcCodes, parseGrpcStatus } from "./grpc-status.ts";

/** Trailing metadata of an answer in one message has this prefix, but for fields of gRPC's own. */
const PREFIX = "trailer-";
const OWN = new Set(["grpc-status", "grpc-message", "grpc-status-details-bin"]);

/** The end of a call. */
export interface TrailingStatus {
  code: GrpcCode;
  message: string;
  /** Further trailing metadata: names and values alternating. */
  fields: string[];
}

export interface SplitFields {
  /** Without the content type, which is the call's. */
  initial: string[];
  trailing: string[];
}

/** Divides the fields of an answer's head into initial and trailing metadata. */
export function splitTrailers(fields: FieldList): SplitFields {
  const initial: string[] = [];
  const trailing: string[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = (fields[at] ?? "").toLowerCase();
    const value = fields[at + 1] ?? "";
    if (OWN.has(name)) trailing.push(name, value);
    else if (name.startsWith(PREFIX)) trailing.push(name.slice(PREFIX.length), value);
    else if (name !== "content-type") initial.push(name, value);
  }
  return { initial, trailing };
}

/** The status among trailing metadata; undefined where there is none. Further fields go with it. */
export function trailingStatus(trailing: FieldList): TrailingStatus | undefined {
  let code: GrpcCode | undefined;
  let message = "";
  const fields: string[] = [];
  for (let at = 0; at + 1 < trailing.length; at += 2) {
    const name = (trailing[at] ?? "").toLowerCase();
    const value = trailing[at + 1] ?? "";
    if (name === "grpc-status") code = parseGrpcStatus(value) ?? grpcCodes.UNKNOWN;
    else if (name === "grpc-message") message = decodeGrpcMessage(value);
    else fields.push(name, value);
  }
  return code === undefined ? undefined : { code, message, fields };
}
