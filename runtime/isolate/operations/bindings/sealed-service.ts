/**
 * Calls of bindings with `seal`: sealed here, sent as any call to another function, and opened here. The whole call is one operation:
 * each further one would cost as much as its sealing.
 *
 * I1  Service and label are those of narun.yaml. What the isolate gives is sealed, or nothing is sent.
 */
import {
  createProblem,
  type ErrorCode,
  explainFailure,
  MAX_HOPS,
  type TraceFields,
} from "../../../../contracts/index.ts";
import { collectBody } from "../../../../streams/index.ts";
import {
  type ActionAnswer,
  openAnswer,
  pathOfAction,
  SEALED_TYPE,
  ServiceError,
  sealCall,
} from "../../../../web/index.ts";
import { bodyOfBytes } from "../../../calls/body-of-bytes.ts";
import { CallHead } from "../../../calls/call-head.ts";
import { type CallReply, callByGateway } from "../../../calls/service-calls.ts";
import { fieldsOfBlock } from "../../../instance/header-block.ts";
import { type CallContext, CallError, type HostOperations } from "../../process/host-calls.ts";
import { traceToHandOn } from "../handed-on-trace.ts";
import type { BindingContext } from "./binding-context.ts";
import { createSealing, type Sealing } from "./sealing.ts";
import { answerOf } from "./service-response.ts";

/** Upper bound of an input in one message; the rest of a larger one follows in frames. */
const FIRST_BYTES = 64 * 1024;
/** Upper bound of an answer, which is opened whole. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** Upper bound of the length of an action's name. Services have shorter ones. */
const MAX_NAME_LENGTH = 1_024;

export function createSealedServiceOperations(bindings: BindingContext): HostOperations {
  const { declared, sealer } = bindings;
  return {
    "service.call": async (values, context) => {
      const { name, action, query, json } = readCall(values);
      const { service, seal: label } = declared("service", name);
      if (label === undefined) throw new CallError("BindingError", "the binding has no `seal`");
      const port = portOf(createSealing(sealer, label));
      try {
        const sealed = await sealCall({ service, label, port }, action, json);
        const call = { service, rawPath: pathOfAction(action), query, text: sealed.text };
        const { status, headers, text } = await openAnswer(sealed, await send(bindings, call, context));
        return { status, type: headers.get("content-type"), text: await text() };
      } catch (error) {
        if (!(error instanceof ServiceError)) throw error;
        const { code, message, status } = error;
        return { code, message, status };
      }
    },
  };
}

/** All of it is user input. */
function readCall([name, action, query, json]: readonly unknown[]) {
  const isAction = typeof action === "string" && action.length <= MAX_NAME_LENGTH && action.isWellFormed();
  const isInput = json === undefined || (typeof json === "string" && json.isWellFormed());
  if (isAction && isInput && (query === "" || query === "?hedged"))
    return { name, action, query: query.slice(1), json };
  throw new CallError("TypeError", "The call cannot be sent");
}

function portOf(sealing: Sealing) {
  return {
    seal: (_: string, place: readonly string[], text: string) => sealing.sealText(text, place as never),
    open: (_: string | undefined, place: readonly string[], text: string) =>
      sealing.openText(text, place as never),
  };
}

interface Call {
  service: string;
  rawPath: string;
  query: string;
  text: string;
}

async function send(
  { name: caller, streams, services, limits, hopsOf }: BindingContext,
  { service, rawPath, query, text }: Call,
  context: CallContext,
): Promise<ActionAnswer> {
  const { owner, request, trace } = context;
  const requestId = request?.id ?? crypto.randomUUID();
  const failed = (code: ErrorCode) => problemOf(code, requestId, service);
  const hops = hopsOf(owner) + 1;
  if (hops > MAX_HOPS) return failed("SERVICE_LOOP");
  const fields = ["content-type", SEALED_TYPE, ...fieldsOfTrace(trace)];
  const host = service.toLowerCase().replaceAll("_", "-");
  const facts = { method: "POST", rawPath, query, host, scheme: "http", fields } as const;
  const head = new CallHead({ ...facts, requestId, hops, caller });
  if (!head.isSendable) throw new CallError("TypeError", "The call cannot be sent");
  const bytes = Buffer.from(text, "latin1");
  const rest = bytes.byteLength > FIRST_BYTES ? bodyOfBytes(bytes.subarray(FIRST_BYTES)) : undefined;
  const endsAtMs = Math.min(
    request?.endsAtMs ?? Number.POSITIVE_INFINITY,
    performance.now() + limits.timeoutMs,
  );
  const calling = { service, head, first: bytes.subarray(0, FIRST_BYTES), rest, endsAtMs, caller: context };
  const reply = await (services?.call(calling) ?? callByGateway(streams, calling));
  return reply.kind === "failed" ? failed(reply.code) : readReply(reply, failed);
}

async function readReply(
  reply: Exclude<CallReply, { kind: "failed" }>,
  failed: (code: ErrorCode) => ActionAnswer,
): Promise<ActionAnswer> {
  let failure: ErrorCode | undefined;
  const { status, headerBlock, body } = answerOf(reply.told, "POST", (code) => {
    failure = code;
    return { status: 0, statusText: "", headerBlock: "", body: undefined };
  });
  const type = typeOf(headerBlock);
  if (reply.kind === "whole") {
    if (failure !== undefined) return failed(failure);
    const text =
      typeof body === "string" ? body : body instanceof ArrayBuffer ? Buffer.from(body).toString() : "";
    return answer(status, type, text);
  }
  const collected = await collectBody(reply.body, MAX_ANSWER_BYTES);
  if (typeof collected === "string") {
    reply.cancel();
    return failed(collected);
  }
  return failure === undefined ? answer(status, type, Buffer.from(collected).toString()) : failed(failure);
}

function fieldsOfTrace(trace: TraceFields | undefined): string[] {
  return traceToHandOn(trace, () => undefined, { hasBaggage: true }).flat();
}

function typeOf(headerBlock: string): string | null {
  const fields = fieldsOfBlock(headerBlock);
  const at = fields.findIndex((name, index) => index % 2 === 0 && name === "content-type");
  return at === -1 ? null : (fields[at + 1] ?? null);
}

function problemOf(code: ErrorCode, requestId: string, name: string): ActionAnswer {
  const problem = createProblem(code, requestId, explainFailure(code, { name, kind: "function" }));
  return answer(problem.status, "application/problem+json", JSON.stringify(problem));
}

function answer(status: number, type: string | null, text: string): ActionAnswer {
  const ok = status >= 200 && status < 300;
  const get = (name: string) => (name === "content-type" ? type : null);
  return { status, ok, headers: { get }, text: async () => text };
}
