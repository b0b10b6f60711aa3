import {
  completeRequest,
  createHeaders,
  type ErrorCode,
  encodeReply,
  type FunctionSpec,
  type Headers,
  headerNames,
  headerValue,
  isHeaderSafe,
  mayRepeat,
  requestIdOf,
  subjects,
  timeLeftOf,
  traceNames,
} from "../../contracts/index.ts";
import type { Dispatched, Dispatcher, Relay, Result } from "../../dispatch/index.ts";
import type { Ledger, Message, MicroEndpoint, Nats } from "../../nats/index.ts";
import { maxMessageBody } from "../http/body.ts";
import { type Destination, failureResponse } from "../http/gateway-response.ts";
import type { GatewayTraces } from "../traces/gateway-traces.ts";
import type { RequestTrace } from "../traces/request-trace.ts";
import { messageHead } from "./message-head.ts";

export interface InvokeOptions {
  nats: Nats;
  dispatcher: Dispatcher;
  relay: Relay;
  /** Notes the calls that are under way here, for their callers' inquiries. */
  ledger: Ledger;
  specOf(service: string): FunctionSpec | undefined;
  /** For services without a spec. */
  defaultTimeoutMs: number;
  /** Undefined: traces are off. */
  traces: GatewayTraces | undefined;
}

/**
 * Requests to `narun.invoke.<service>`. They are dispatched as HTTP requests are, and held where the function sleeps. Request
 * and reply are in header mode; all headers are optional. A caller that takes streams gets them (relay.ts). One endpoint is the
 * world's own, the other is for callers that know no worlds.
 */
export function createInvokeEndpoints(options: InvokeOptions): MicroEndpoint[] {
  const invoked = {
    subject: subjects.invokeAll,
    handle: (message: Message, done: (error?: string) => void) => invoke(options, message, done),
  };
  return [
    { ...invoked, name: "invoke", handle: options.ledger.guard(invoked.handle) },
    { ...invoked, name: "invoke-open", isOpen: true },
  ];
}

function invoke(options: InvokeOptions, message: Message, done: (error?: string) => void): void {
  const service = message.subject.slice(subjects.invoke("").length);
  const spec = options.specOf(service);
  let dispatched: Dispatched | undefined;
  const cancel = () => dispatched && options.dispatcher.cancel(dispatched);
  const call = options.relay.open(message, () => {
    cancel();
    finish("CLIENT_GONE");
  });
  const finish = (error?: string) => {
    trace?.end({ error });
    call?.close();
    done(error);
  };
  const timeoutMs = timeoutOf(message, spec, options);
  const requestId = requestIdOf(message.headers) ?? crypto.randomUUID();
  const headers = completeRequest(message, service, { requestId, timeoutMs });
  const destination = { service, spec };
  const trace = beginTrace(options, headers, service, requestId);
  const refuse = (code: ErrorCode) =>
    finish(reply(message, { kind: "failed", code }, requestId, destination));
  if (!isPassable(message)) {
    refuse("BAD_REQUEST");
    return;
  }
  const maxBytes = spec?.limits.maxBodyBytes ?? Number.POSITIVE_INFINITY;
  // It is sent again with more headers, and has to fit into one message.
  if (message.data.length > Math.min(maxBytes, maxMessageBody(options.nats))) {
    refuse("BODY_TOO_LARGE");
    return;
  }
  dispatched = options.dispatcher.dispatch({
    service,
    head: messageHead(headers, message.data, service),
    data: message.data,
    rest: call?.rest(message.data.length, maxBytes, () => {
      cancel();
      refuse("BODY_TOO_LARGE");
    }),
    streams: call !== undefined,
    isRepeatable: mayRepeat(spec, {
      method: headerValue(headers, headerNames.method) ?? "",
      rawPath: headerValue(headers, headerNames.rawPath) ?? "",
      hasIdempotencyKey: headers.has("Idempotency-Key"),
    }),
    endsAtMs: performance.now() + timeoutMs,
    settle(outcome) {
      trace?.settled(service, outcome);
      if (outcome.kind !== "stream") return finish(reply(message, outcome, requestId, destination));
      call?.respond(outcome.reply.headers(), outcome.body, () => finish());
    },
  });
}

/** Continues the trace of the caller. The function gets this call's place in it. */
function beginTrace(
  { traces }: InvokeOptions,
  headers: Headers,
  service: string,
  requestId: string,
): RequestTrace | undefined {
  if (traces === undefined) return undefined;
  const fields = [...headers].flatMap(([name, values]) => values.flatMap((value) => [name, value]));
  const trace = traces.begin(fields, performance.now());
  trace.describe(`invoke ${service}`, { "narun.function": service, "narun.request_id": requestId });
  for (const name of headers.keys()) if (name.toLowerCase() === traceNames.parent) headers.delete(name);
  headers.set("Traceparent", [trace.traceparent]);
  return trace;
}

/** Whether the header fields can be read and sent again: clients of NATS differ in the names that they take. */
function isPassable({ isReadable, headers = new Map() }: Message): boolean {
  if (!isReadable) return false;
  for (const [name, values] of headers) if (!values.every((value) => isHeaderSafe(name, value))) return false;
  return true;
}

function timeoutOf(
  { headers }: Message,
  spec: FunctionSpec | undefined,
  { defaultTimeoutMs }: InvokeOptions,
): number {
  const mostMs = spec?.limits.timeoutMs ?? defaultTimeoutMs;
  return Math.max(0, Math.min(timeLeftOf(headers) ?? mostMs, mostMs));
}

/**
 * Passes a consumer's reply on. An error of the gateway has both forms, HTTP's and NATS Micro's. Returns the error's text.
 */
function reply(
  message: Message,
  outcome: Exclude<Result, { kind: "stream" }>,
  requestId: string,
  destination: Destination,
): string | undefined {
  if (outcome.kind === "reply") {
    const headers = outcome.reply.headers();
    message.respond(outcome.reply.data, headers);
    return headerValue(headers, headerNames.serviceError);
  }
  const { code } = outcome;
  const {
    status,
    headers: fields,
    body,
  } = failureResponse(code, requestId, destination, {
    waitsFor: outcome.waitsFor,
  });
  const headers = encodeReply(status, fields) ?? createHeaders();
  headers.set(headerNames.error, [code]);
  headers.set(headerNames.serviceErrorCode, [String(status)]);
  headers.set(headerNames.serviceError, [code]);
  message.respond(body ?? "", headers);
  return code;
}
