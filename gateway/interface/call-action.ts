/** A call of an action by the gateway itself: a request of HTTP through dispatch, which holds it, wakes the service and counts it. */
import type { DecodedReply, ErrorCode, FunctionSpec } from "../../contracts/index.ts";
import type { Dispatcher, Outcome } from "../../dispatch/index.ts";
import { collectBody } from "../../streams/index.ts";
import { clientHead } from "../http/request-head.ts";
import type { GatewayTraces } from "../traces/gateway-traces.ts";

export interface ActionCall {
  service: string;
  /** `/orders.pay` */
  path: string;
  /** JSON, or empty. */
  body: string;
  isRepeatable: boolean;
  requestId: string;
  /** The caller, as the service sees it. */
  caller: string;
  /** The address of the client, and its connection's. */
  client: { address: string; remoteAddress: string };
  /** The fields of the client's request: a trace goes on. */
  rawHeaders: readonly string[];
  signal: AbortSignal;
}

export type ActionAnswer =
  | { kind: "answered"; status: number; text: string }
  | { kind: "failed"; code: ErrorCode };

export interface ActionCallerOptions {
  dispatcher: Dispatcher;
  specOf(service: string): FunctionSpec | undefined;
  defaultTimeoutMs: number;
  traces: GatewayTraces | undefined;
}

/** Upper bound of an answer. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

export async function callAction(options: ActionCallerOptions, call: ActionCall): Promise<ActionAnswer> {
  const { service, path, body, requestId, signal, caller, client, isRepeatable } = call;
  if (signal.aborted) return { kind: "failed", code: "CLIENT_GONE" };
  const timeoutMs = options.specOf(service)?.limits.timeoutMs ?? options.defaultTimeoutMs;
  const endsAtMs = performance.now() + timeoutMs;
  const trace = options.traces?.begin([...call.rawHeaders], performance.now());
  trace?.describe(`call ${service}`, { "narun.function": service, "narun.request_id": requestId });
  const fields = ["content-type", "application/json", "accept", "application/json"];
  if (trace !== undefined) fields.push("traceparent", trace.traceparent);
  const facts = { method: "POST", rawPath: path, query: "", host: service, scheme: "http", fields } as const;
  const head = clientHead({ ...facts, requestId, caller }, client, { endsAtMs, form: "headers" });
  if (head === undefined) return { kind: "failed", code: "BAD_REQUEST" };
  const { promise, resolve } = Promise.withResolvers<Outcome | undefined>();
  const dispatched = options.dispatcher.dispatch({
    ...{ service, head, data: Buffer.from(body), streams: true, isRepeatable, endsAtMs },
    settle: resolve,
  });
  const leave = () => {
    options.dispatcher.cancel(dispatched);
    resolve(undefined);
  };
  signal.addEventListener("abort", leave, { once: true });
  try {
    const outcome = await promise;
    if (outcome !== undefined) trace?.settled(service, outcome);
    const answer = await answerOf(outcome);
    if (answer.kind === "failed") options.dispatcher.cancel(dispatched);
    trace?.end({ error: answer.kind === "failed" ? answer.code : undefined });
    return answer;
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

async function answerOf(outcome: Outcome | undefined): Promise<ActionAnswer> {
  if (outcome === undefined) return { kind: "failed", code: "CLIENT_GONE" };
  if (outcome.kind === "failed") return { kind: "failed", code: outcome.code };
  const read = outcome.reply.read();
  if (outcome.kind === "reply") return toAnswer(read, outcome.reply.data);
  const data = await collectBody(outcome.body, MAX_ANSWER_BYTES);
  return data instanceof Uint8Array ? toAnswer(read, data) : { kind: "failed", code: data };
}

function toAnswer(read: DecodedReply, data: Uint8Array): ActionAnswer {
  switch (read.kind) {
    case "failed":
      return { kind: "failed", code: read.code };
    case "service-error":
      return { kind: "failed", code: "SERVICE_ERROR" };
    case "response":
      return { kind: "answered", status: read.status, text: Buffer.from(data).toString("utf8") };
  }
}
