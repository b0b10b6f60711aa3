/**
 * Calls to other functions, with no HTTP in between: a request to `narun.invoke.<service>`, which a gateway holds and
 * wakes the function for. Where no gateway is there, to the instances themselves.
 *
 * What goes wrong on the way is answered as HTTP would answer it: with a problem, never with a rejection.
 */
import {
  createProblem,
  type ErrorCode,
  explainFailure,
  MAX_HOPS,
  messageBytes,
  PROBLEM_CONTENT_TYPE,
} from "../../../../contracts/index.ts";
import type { StreamParts } from "../../../../streams/index.ts";
import { type CallContext, CallError, type HostOperations } from "../../process/host-calls.ts";
import type { FindDeclared } from "./declared.ts";
import { callFromIsolate } from "./service-exchange.ts";
import { messageHeaders, readCall } from "./service-request.ts";
import { answerOf, type ServiceAnswer } from "./service-response.ts";

export interface ServiceOptions {
  streams: StreamParts;
  declared: FindDeclared;
  timeoutMs: number;
  /** Aborts when a request is over. */
  endOf(owner: number): AbortSignal | undefined;
  /** How many functions have called each other up to the request on whose behalf a call is made. */
  hopsOf(owner: number): number;
}

export function createServiceOperations(options: ServiceOptions): HostOperations {
  const { streams, declared, timeoutMs, endOf, hopsOf } = options;
  return {
    "service.fetch": async ([name, ...values], context) => {
      const { service } = declared("service", name);
      const call = readCall(values);
      if (call === undefined) throw new CallError("TypeError", "The request cannot be sent");
      const requestId = context.request?.id ?? crypto.randomUUID();
      const hops = hopsOf(context.owner) + 1;
      const failed = (code: ErrorCode): ServiceAnswer => problemAnswer(code, requestId, service);
      if (hops > MAX_HOPS) {
        context.streams.discard(call.body, context.owner);
        return failed("SERVICE_LOOP");
      }
      const endsAtMs = endOfWait(context, timeoutMs);
      const headers = messageHeaders(call, { requestId, endsAtMs, hops });
      if (headers === undefined)
        throw new CallError("TypeError", "The request has a field that cannot be sent");
      const { body, method } = call;
      if (typeof body !== "number" && messageBytes(headers, body) > streams.nats.maxPayload)
        return failed("BODY_TOO_LARGE");
      const reply = await callFromIsolate(
        streams,
        { service, headers, body, timeoutMs: endsAtMs - performance.now() },
        context,
        endOf(context.owner),
      );
      if (reply.kind === "failed") return failed(reply.code);
      const answer = answerOf(reply.message, method, failed);
      return reply.kind === "stream" ? { ...answer, body: reply.stream } : answer;
    },
  };
}

function endOfWait({ request }: CallContext, timeoutMs: number): number {
  return Math.min(request?.endsAtMs ?? Number.POSITIVE_INFINITY, performance.now() + timeoutMs);
}

function problemAnswer(code: ErrorCode, requestId: string, name: string): ServiceAnswer {
  const problem = createProblem(code, requestId, explainFailure(code, { name, kind: "function" }));
  const body = new Uint8Array(Buffer.from(JSON.stringify(problem))).buffer;
  const headerBlock = `content-type\n${PROBLEM_CONTENT_TYPE}\nx-request-id\n${requestId}\n`;
  return { status: problem.status, statusText: "", headerBlock, body };
}
