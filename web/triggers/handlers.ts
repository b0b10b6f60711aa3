/**
 * The handlers of triggers: `scheduled`, `queue`, `message` and `workflow` of a module, each behind the form of a handler of
 * requests.
 *
 * I1  `scheduled` and `queue` that throw give an answer, too: it names the error, and the verdicts up to there.
 * I2  `message` and `workflow` that throw fail as `fetch` does.
 * I3  `workflow` gets the request itself, and gives a response: its body is the executor's own.
 */
import { errorText } from "../console/error-text.ts";
import { Response } from "../fetch/response.ts";
import { TRIGGERS, type Trigger } from "../host/boundary.ts";
import { readTriggerBody } from "./body.ts";
import { Message, MessageBatch } from "./message.ts";

/** A handler of triggers, as the module has it. */
type Take = (event: unknown, env: unknown, context: unknown) => unknown;

/** The part of a request that a trigger's handler needs. */
interface TriggerRequest {
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** An answer, and the error of a handler that threw: a line of the log. */
export class TriggerResult {
  readonly response: unknown;
  readonly error: unknown;

  constructor(response: unknown, error: unknown) {
    this.response = response;
    this.error = error;
  }
}

export type HandleTrigger = (request: TriggerRequest, context: unknown) => Promise<unknown>;

/** Finds the handlers of triggers: members of the default export, else exports by their names. */
export function resolveTriggers(
  exports: Record<string, unknown>,
  env: unknown,
): ReadonlyMap<Trigger, HandleTrigger> {
  const found = new Map<Trigger, HandleTrigger>();
  for (const trigger of TRIGGERS) {
    const take = memberOf(exports.default, trigger) ?? memberOf(exports, trigger);
    if (take !== undefined) found.set(trigger, handleOf(trigger, take, env));
  }
  return found;
}

function memberOf(holder: unknown, name: string): Take | undefined {
  if ((typeof holder !== "object" && typeof holder !== "function") || holder === null) return undefined;
  const member = (holder as Record<string, unknown>)[name];
  return typeof member === "function" ? (...values) => Reflect.apply(member, holder, values) : undefined;
}

function handleOf(trigger: Trigger, take: Take, env: unknown): HandleTrigger {
  switch (trigger) {
    case "scheduled":
      return (request, context) => callScheduled(take, request, env, context);
    case "queue":
      return (request, context) => callQueue(take, request, env, context);
    case "message":
      return (request, context) => callMessage(take, request, env, context);
    case "workflow":
      return async (request, context) => take(request, env, context);
  }
}

/** Upper bound of the text of a result that is kept. */
const MAX_RESULT_LENGTH = 64 * 1024;

async function callScheduled(
  take: Take,
  request: TriggerRequest,
  env: unknown,
  context: unknown,
): Promise<unknown> {
  const {
    cron = "",
    scheduledTime = 0,
    name = "",
    id = "",
    attempts = 1,
    input,
  } = (await bodyOf(request)).head;
  let isFinal = false;
  const event = {
    type: "scheduled",
    cron,
    scheduledTime,
    name,
    id,
    attempts,
    input,
    noRetry() {
      isFinal = true;
    },
  };
  const said = () => (isFinal ? { noRetry: true } : {});
  try {
    const value = await take(event, env, context);
    return answer(200, { ...said(), ...resultOf(value) });
  } catch (error) {
    return new TriggerResult(answer(500, { ...said(), error: thrown(error) }), error);
  }
}

/** A result that has no form in JSON, or is too long, is left out. */
function resultOf(value: unknown): { result?: unknown } {
  if (value === undefined) return {};
  try {
    const text = JSON.stringify(value);
    return text !== undefined && text.length <= MAX_RESULT_LENGTH ? { result: JSON.parse(text) } : {};
  } catch {
    return {};
  }
}

async function callQueue(
  take: Take,
  request: TriggerRequest,
  env: unknown,
  context: unknown,
): Promise<unknown> {
  const { head, messages } = await bodyOf(request);
  const batch = new MessageBatch(
    head.queue ?? "",
    messages.map(({ head: one, data }) => new Message(one, data)),
  );
  try {
    await take(batch, env, context);
    return answer(200, { verdicts: MessageBatch.verdictsOf(batch) });
  } catch (error) {
    const facts = { verdicts: MessageBatch.verdictsOf(batch), error: thrown(error) };
    return new TriggerResult(answer(500, facts), error);
  }
}

/** The value of `message` is the reply: a response, a text, bytes, or a value in JSON. Nothing is an empty reply. */
async function callMessage(
  take: Take,
  request: TriggerRequest,
  env: unknown,
  context: unknown,
): Promise<unknown> {
  const [only] = (await bodyOf(request)).messages;
  if (only === undefined) throw new TypeError("a trigger without its message");
  const value = await take(new Message(only.head, only.data), env, context);
  if (value === undefined || value === null) return new Response(null, { status: 204 });
  if (typeof value === "string" || value instanceof Uint8Array || value instanceof ArrayBuffer)
    return new Response(value as Uint8Array<ArrayBuffer>);
  return value instanceof Response ? value : Response.json(value);
}

async function bodyOf(request: TriggerRequest): Promise<ReturnType<typeof readTriggerBody>> {
  return readTriggerBody(new Uint8Array(await request.arrayBuffer()));
}

function answer(status: number, facts: object): unknown {
  return Response.json(facts, { status });
}

function thrown(error: unknown): { message: string; stack: string } {
  const stack = errorText(error);
  return { message: stack.split("\n", 1)[0] ?? "", stack };
}
