/** The answer of an action that is an error, as a status of gRPC with details. */
import { type DescMessage, fromJson, type JsonValue, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import type { GrpcCodeName } from "./codes.ts";
import { type GrpcDetail, GrpcError } from "./grpc-error.ts";

/** A problem, as `functions/sdk/service/problem.ts` writes it. */
interface Problem {
  code?: string;
  title?: string;
  detail?: string;
  requestId?: string;
  issues?: { path: string; message: string }[];
  error?: { name: string; data?: JsonValue };
}

/** The codes of the statuses that services declare. Others of 400 to 499 are FAILED_PRECONDITION, and of 500 on INTERNAL. */
const CODES: Readonly<Record<number, GrpcCodeName>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  408: "DEADLINE_EXCEEDED",
  409: "ABORTED",
  410: "NOT_FOUND",
  413: "RESOURCE_EXHAUSTED",
  416: "OUT_OF_RANGE",
  422: "INVALID_ARGUMENT",
  429: "RESOURCE_EXHAUSTED",
  499: "CANCELLED",
  501: "UNIMPLEMENTED",
  502: "UNAVAILABLE",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

export interface ProblemFacts {
  status: number;
  /** The text of the answer. */
  text: string;
  /** The name of the narun service. */
  service: string;
  /** The messages of the `.proto` file that may be the data of an error. */
  messages: readonly DescMessage[];
}

export function statusOfProblem({ status, text, service, messages }: ProblemFacts): GrpcError {
  const problem = parse(text);
  const { code = "", error, issues } = problem;
  if (code === "NO_SUCH_ACTION") return new GrpcError("UNIMPLEMENTED", problem.detail ?? "");
  const known = CODES[status] ?? (status < 500 ? "FAILED_PRECONDITION" : "INTERNAL");
  const domain = error === undefined ? "narun" : service;
  const reason = error?.name ?? code;
  const details: GrpcDetail[] = [errorInfo({ reason, domain, requestId: problem.requestId })];
  if (error?.data !== undefined) details.push(dataOf(error.name, error.data, messages));
  if (issues !== undefined) details.push(badRequest(issues));
  return new GrpcError(known, problem.detail ?? error?.name ?? problem.title ?? "", { details });
}

function parse(text: string): Problem {
  try {
    return JSON.parse(text) as Problem;
  } catch {
    return {};
  }
}

/** The message of the error's name, where the file has one and the data fits; else `google.protobuf.Value`. */
function dataOf(name: string, data: JsonValue, messages: readonly DescMessage[]): GrpcDetail {
  const schema = messages.find((message) => message.name === name);
  if (schema !== undefined) {
    try {
      return { schema, message: fromJson(schema, data) };
    } catch {
      // The data is no such message.
    }
  }
  return { type: ValueSchema.typeName, value: toBinary(ValueSchema, fromJson(ValueSchema, data)) };
}

/** `google.rpc.ErrorInfo`: reason 1, domain 2, metadata 3. */
function errorInfo(facts: { reason: string; domain: string; requestId: string | undefined }): GrpcDetail {
  const writer = new BinaryWriter();
  writer.uint32(10).string(facts.reason).uint32(18).string(facts.domain);
  if (facts.requestId !== undefined) {
    writer.uint32(26).fork();
    writer.uint32(10).string("requestId").uint32(18).string(facts.requestId).join();
  }
  return { type: "google.rpc.ErrorInfo", value: writer.finish() };
}

/** `google.rpc.BadRequest`: field violations 1, each with field 1 and description 2. */
function badRequest(issues: readonly { path: string; message: string }[]): GrpcDetail {
  const writer = new BinaryWriter();
  for (const { path, message } of issues)
    writer.uint32(10).fork().uint32(10).string(path).uint32(18).string(message).join();
  return { type: "google.rpc.BadRequest", value: writer.finish() };
}
