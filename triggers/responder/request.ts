/**
 * A request of a plain client of NATS, between the forms of its message (docs/wire.md) and dispatch.
 *
 * I1  The client sees the same as where an instance answers by itself: the form of the reply is that of the request.
 * I2  Nothing that only parts of narun may say is taken from the message: neither a trigger, nor an id of a world.
 */
import {
  addServiceError,
  completeRequest,
  type DecodedRequest,
  decodeActionRequest,
  decodeBhttpRequest,
  decodeRequest,
  type ErrorCode,
  encodeBhttpReply,
  encodeRequest,
  type FunctionSpec,
  type Headers,
  headerNames,
  headerValue,
  isActionSubject,
  isCaller,
  mayRepeat,
  timeLeftOf,
} from "../../contracts/index.ts";
import type { DispatchRequest, Result } from "../../dispatch/index.ts";
import { failMessage, formOfReply, type Message, type ReplyForm } from "../../nats/index.ts";

/** A request that was read. */
export interface PlainRequest {
  readonly form: ReplyForm;
  readonly requestId: string;
  readonly method: string;
  readonly headers: Headers;
  readonly data: Uint8Array;
  readonly isRepeatable: boolean;
  readonly timeoutMs: number;
}

/** Reads a message to a function; a string is the reason why it is none. */
export function readPlainRequest(message: Message, spec: FunctionSpec): PlainRequest | string {
  if (!message.isReadable) return "its header fields cannot be read";
  const { name, limits } = spec;
  const form = formOfReply(message, name);
  const timeoutMs = Math.max(0, Math.min(timeLeftOf(message.headers) ?? limits.timeoutMs, limits.timeoutMs));
  if (form === "grpc") return readCall(message, name, timeoutMs);
  const read = form === "bhttp" ? decodeBhttpRequest(message.data, message.headers) : undefined;
  if (read?.ok === false) return read.why;
  const { subject } = message;
  const isOfAction = isActionSubject(subject, name);
  const facts =
    read?.message ?? (isOfAction ? decodeActionRequest(message, subject) : decodeRequest(message, name));
  const data = read?.message.content ?? message.data;
  const requestId = facts.requestId ?? crypto.randomUUID();
  const given = headerValue(message.headers, headerNames.caller);
  const caller = given !== undefined && isCaller(given) ? given : undefined;
  const headers = encodeRequest({ ...facts, requestId, caller }, { timeoutMs });
  if (headers === undefined) return "its target or a header field cannot be passed on";
  const remoteAddress = headerValue(message.headers, headerNames.remoteAddress);
  if (remoteAddress !== undefined) headers.set(headerNames.remoteAddress, [remoteAddress]);
  return {
    ...{ form, requestId, headers, data, timeoutMs },
    method: facts.method,
    isRepeatable: mayRepeat(spec, {
      ...facts,
      hasIdempotencyKey: hasField(facts, "idempotency-key"),
    }),
  };
}

/** A call of gRPC as one message goes on as it came: an instance reads it wherever it comes from. */
function readCall(message: Message, name: string, timeoutMs: number): PlainRequest {
  const requestId = headerValue(message.headers, headerNames.requestId) ?? crypto.randomUUID();
  const headers = completeRequest(message, name, { requestId, timeoutMs });
  for (const own of [headerNames.trigger, headerNames.world, headerNames.stream, headerNames.body])
    headers.delete(own);
  return {
    ...{ form: "grpc", requestId, headers, data: message.data, timeoutMs },
    ...{ method: "POST", isRepeatable: false },
  };
}

function hasField({ fields }: DecodedRequest, name: string): boolean {
  return fields.some((text, at) => at % 2 === 0 && text.toLowerCase() === name);
}

/** The head of the request for dispatch. It goes over NATS alone. */
export function headOf({ headers }: PlainRequest): DispatchRequest["head"] {
  const hops = Number(headerValue(headers, headerNames.hops) ?? 0);
  const isUpgrade = headers.has(headerNames.upgrade);
  return { headers: () => new Map(headers), text: () => undefined, hops, isUpgrade };
}

/** Answers the client in its own form. Returns the code of an error. */
export function answerPlain(
  message: Message,
  spec: FunctionSpec,
  { form, requestId, method }: PlainRequest,
  result: Exclude<Result, { kind: "stream" }>,
  maxPayload: number,
): ErrorCode | undefined {
  const fail = (code: ErrorCode, limit?: number) => {
    failMessage(message, spec, { code, limit, requestId, method });
    return code;
  };
  if (result.kind === "failed") return fail(result.code);
  const { reply } = result;
  const read = reply.read();
  if (read.kind === "failed" && form !== "grpc") return fail(read.code, read.limit);
  if (form !== "bhttp") {
    const headers = reply.headers();
    if (form === "header" && isActionSubject(message.subject, spec.name))
      addServiceError(headers, reply.data);
    message.respond(reply.data, headers);
    return reply.isError ? "SERVICE_ERROR" : undefined;
  }
  if (read.kind !== "response") return fail("SERVICE_ERROR");
  const data = encodeBhttpReply(read.status, read.fields, reply.data, method);
  if (data === undefined) return fail("BAD_REPLY");
  if (data.byteLength > maxPayload) return fail("RESPONSE_TOO_LARGE");
  message.respond(data);
  return undefined;
}
