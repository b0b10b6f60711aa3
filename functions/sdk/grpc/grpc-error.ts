import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { GrpcCode, type GrpcCodeName } from "./codes.ts";
import { binaryOf } from "./message-codec.ts";
import type { Metadata } from "./metadata.ts";

/** A detail of an error: a message of any type, packed or with its schema. */
export type GrpcDetail =
  | { readonly type: string; readonly value: Uint8Array }
  | { readonly schema: DescMessage; readonly message: MessageInitShape<DescMessage> };

export interface GrpcErrorOptions {
  /** Messages that say more, for clients that read `google.rpc.Status`. */
  details?: readonly GrpcDetail[];
  /** Metadata that the answer carries beside the status. */
  metadata?: Metadata | Headers | Readonly<Record<string, string>>;
  /** The error behind it. It stays in the function. */
  cause?: unknown;
}

const IS_GRPC_ERROR = Symbol.for("narun.GrpcError");

/** Ends a call with a status. The client gets the code, the message, the details and the metadata. */
export class GrpcError extends Error {
  override readonly name = "GrpcError";
  readonly code: GrpcCodeName;
  readonly details: readonly { readonly type: string; readonly value: Uint8Array }[];
  readonly metadata: Headers;
  readonly [IS_GRPC_ERROR] = true;

  /** Error: TypeError, for a code that gRPC does not have. */
  constructor(code: GrpcCodeName, message = "", options: GrpcErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    if (!Object.hasOwn(GrpcCode, code) || code === "OK") {
      throw new TypeError(`${JSON.stringify(code)} is no error code of gRPC: take one such as "NOT_FOUND"`);
    }
    this.code = code;
    this.details = (options.details ?? []).map(pack);
    this.metadata = headersOf(options.metadata);
  }
}

/** Whether a thrown value is a GrpcError, also of another copy of this module. */
export function isGrpcError(error: unknown): error is GrpcError {
  return typeof error === "object" && error !== null && IS_GRPC_ERROR in error;
}

function headersOf(metadata: GrpcErrorOptions["metadata"]): Headers {
  if (metadata === undefined) return new Headers();
  if (metadata instanceof Headers) return metadata;
  return "headers" in metadata && metadata.headers instanceof Headers
    ? metadata.headers
    : new Headers(metadata as Record<string, string>);
}

function pack(detail: GrpcDetail): { type: string; value: Uint8Array } {
  if ("type" in detail) return detail;
  return { type: detail.schema.typeName, value: binaryOf(detail.schema, detail.message) };
}

/** The error as `google.rpc.Status` in protobuf: the value of `grpc-status-details-bin`. */
export function statusBytes({ code, message, details }: GrpcError): Uint8Array {
  const writer = new BinaryWriter();
  writer.uint32(8).int32(GrpcCode[code]);
  if (message !== "") writer.uint32(18).string(message);
  for (const { type, value } of details) {
    writer.uint32(26).fork();
    writer.uint32(10).string(`type.googleapis.com/${type}`).uint32(18).bytes(value);
    writer.join();
  }
  return writer.finish();
}
