/**
 * Calls to other functions, without HTTP: straight to an instance, else to a gateway, which holds them and wakes the function
 * (runtime/calls/service-calls.ts).
 *
 * A failure of the platform is a response with a problem, as over HTTP, and never a rejection.
 */
import {
  createProblem,
  type ErrorCode,
  explainFailure,
  MAX_HOPS,
  PROBLEM_CONTENT_TYPE,
} from "../../../../contracts/index.ts";
import { type CallContext, CallError, type HostOperations } from "../../process/host-calls.ts";
import type { BindingContext } from "./binding-context.ts";
import { callFromIsolate, openReply } from "./service-exchange.ts";
import { headOf, readCall } from "./service-request.ts";
import { answerOf, type ServiceAnswer } from "./service-response.ts";

export function createServiceOperations({
  name: caller,
  streams,
  services,
  declared,
  limits: { timeoutMs },
  endOf,
  hopsOf,
}: BindingContext): HostOperations {
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
      const head = headOf(call, { ...{ requestId, hops, caller }, trace: context.trace });
      if (head === undefined) throw new CallError("TypeError", "The request has a field that cannot be sent");
      const { body, method } = call;
      const reply = await callFromIsolate({ streams, services }, { service, head, body, endsAtMs }, context);
      if (reply.kind === "failed") return failed(reply.code);
      const answer = answerOf(reply.told, method, failed);
      if (reply.kind === "stream")
        return { ...answer, body: openReply(reply, context, endOf(context.owner)) };
      return answer;
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
