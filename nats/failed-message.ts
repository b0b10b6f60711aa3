/**
 * Answers a message with an error, in the form that its sender reads.
 *
 * I1  A sender that is no part of narun gets nothing internal: its gateway hands all that it gets on to a client.
 * I2  Such a gateway reads a status of HTTP: in `X-Response-Status-Code`, or in a response of binary HTTP.
 */
import {
  createProblem,
  type ErrorCode,
  encodeBhttpError,
  encodeError,
  encodeGrpcReply,
  encodePlainError,
  errorEntry,
  explainFailure,
  type FunctionConfig,
  grpcCodeOf,
  headerNames,
  isActionSubject,
  isBhttpRequest,
  isFromNarun,
} from "../contracts/index.ts";
import type { Message } from "./message.ts";

/** The form of the answers to a message: narun's own, header mode for other senders, BHTTP mode, or a call of gRPC. */
export type ReplyForm = "own" | "header" | "bhttp" | "grpc";

/** Only parts of narun know the subject of a single instance. Every client may send to the function's own, its name. */
export function formOfReply({ subject, headers }: Message, service: string): ReplyForm {
  if (isActionSubject(subject, service)) return isFromNarun(headers) ? "own" : "header";
  if (subject !== service) return "own";
  if (headers?.has(headerNames.grpcMethod) === true) return "grpc";
  if (isBhttpRequest(headers)) return "bhttp";
  return isFromNarun(headers) ? "own" : "header";
}

export interface Failure {
  code: ErrorCode;
  /** The value of the limit that was met. */
  limit?: number | undefined;
  /** Default: a new one. */
  requestId?: string | undefined;
  /** Default: that of the code. */
  detail?: string;
  /** Default: GET. */
  method?: string;
}

export function failMessage(
  message: Message,
  { name, limits }: Pick<FunctionConfig, "name" | "limits">,
  { code, limit, requestId = crypto.randomUUID(), detail, method = "GET" }: Failure,
): void {
  const form = formOfReply(message, name);
  if (form === "grpc") {
    const error = { code: grpcCodeOf(code), message: `${errorEntry(code).title} (${code})` };
    message.respond("", encodeGrpcReply({ error, initial: [], trailing: [] }));
    return;
  }
  if (form === "own") {
    message.respond("", encodeError(code, limit));
    return;
  }
  const explained = detail ?? explainFailure(code, { name, kind: "function", limits, limit });
  const problem = createProblem(code, requestId, explained);
  if (form === "bhttp") {
    message.respond(encodeBhttpError(problem, method));
    return;
  }
  const { headers, data } = encodePlainError(problem);
  message.respond(data, headers);
}
