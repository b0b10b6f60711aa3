/**
 * Calls to other functions, with no HTTP in between: a request to `narun.invoke.<service>`, which a gateway holds and
 * wakes the function for. Where no gateway is there, to the instances themselves.
 *
 * What goes wrong on the way is answered as HTTP would answer it: with a problem, never with a rejection.
 */
import {
  createProblem,
  type ErrorCode,
  MAX_HOPS,
  PROBLEM_CONTENT_TYPE,
  subjects,
} from "../../../../../contracts/index.ts";
import { type Message, type Nats, NoReplyError } from "../../../../../nats/index.ts";
import { type CallContext, CallError, type HostOperations } from "../host-calls.ts";
import type { FindDeclared } from "./declared.ts";
import { messageHeaders, type OutgoingCall, readCall, sizeOf } from "./service-request.ts";
import { answerOf, type ServiceAnswer } from "./service-response.ts";

export interface ServiceOptions {
  nats: Nats;
  declared: FindDeclared;
  timeoutMs: number;
  /** How many functions have called each other up to the request on whose behalf a call is made. */
  hopsOf(owner: number): number;
}

export function createServiceOperations({
  nats,
  declared,
  timeoutMs,
  hopsOf,
}: ServiceOptions): HostOperations {
  return {
    "service.fetch": async ([name, ...values], context) => {
      const { service } = declared("service", name);
      const call = readCall(values);
      if (call === undefined) throw new CallError("TypeError", "The request cannot be sent");
      const requestId = context.request?.id ?? crypto.randomUUID();
      const hops = hopsOf(context.owner) + 1;
      const failed = (code: ErrorCode): ServiceAnswer => problemAnswer(code, requestId);
      if (hops > MAX_HOPS) return failed("SERVICE_LOOP");
      const deadline = deadlineOf(context, timeoutMs);
      const headers = messageHeaders(call, { requestId, deadline, hops });
      if (headers === undefined)
        throw new CallError("TypeError", "The request has a field that cannot be sent");
      if (sizeOf(headers, call.body) > nats.maxPayload) return failed("BODY_TOO_LARGE");
      const reply = await send(nats, service, call, { headers, timeoutMs: deadline - Date.now() });
      return typeof reply === "string" ? failed(reply) : answerOf(reply, call.method, failed);
    },
  };
}

function deadlineOf({ request }: CallContext, timeoutMs: number): number {
  return Math.min(request?.deadline ?? Number.POSITIVE_INFINITY, Date.now() + timeoutMs);
}

async function send(
  nats: Nats,
  service: string,
  { body }: OutgoingCall,
  options: Parameters<Nats["request"]>[2],
): Promise<Message | ErrorCode> {
  if (options.timeoutMs <= 0) return "DEADLINE_EXCEEDED";
  // "No responders" proves that nobody has seen the request.
  for (const subject of [subjects.invoke(service), service]) {
    try {
      return await nats.request(subject, body, options);
    } catch (error) {
      if (!(error instanceof NoReplyError)) throw error;
      if (error.reason === "timeout") return "DEADLINE_EXCEEDED";
      if (error.reason === "disconnected") return "CONSUMER_DIED";
    }
  }
  return "NO_CONSUMER";
}

function problemAnswer(code: ErrorCode, requestId: string): ServiceAnswer {
  const problem = createProblem(code, requestId);
  const body = new Uint8Array(Buffer.from(JSON.stringify(problem))).buffer;
  return [problem.status, `content-type\n${PROBLEM_CONTENT_TYPE}\nx-request-id\n${requestId}\n`, body];
}
