/**
 * Calls the handlers of triggers: `scheduled`, `queue`, `message` and `workflow`. Loaded with the first trigger (lazy-modules.ts).
 *
 * I1  `scheduled` and `queue` that throw give an answer, too: it names the error, and the verdicts up to there.
 * I2  `message` and `workflow` that throw fail as `fetch` does.
 * I3  `workflow` gets the request itself, and gives a response: its body is the executor's own.
 */
import { errorText } from "../console/error-text.ts";
import { Response } from "../fetch/response.ts";
import type { Trigger } from "../host/boundary.ts";
import { readTriggerBody } from "./body.ts";
import { Message, MessageBatch } from "./message.ts";

/** A handler of triggers, as the module has it. */
export type Take = (event: unknown, env: unknown, context: unknown) => unknown;

/** The part of a request that a trigger's handler needs. */
interface TriggerRequest {
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** An answer. `threw`: the error of the handler, a line of the log. */
export interface TriggerResult {
  response: unknown;
  threw?: { error: unknown };
}

/** Calls the handler of a trigger. */
export async function callTrigger(
  trigger: Trigger,
  take: Take,
  request: TriggerRequest,
  env: unknown,
  context: unknown,
): Promise<TriggerResult> {
  switch (trigger) {
    case "scheduled":
      return callScheduled(take, request, env, context);
    case "queue":
      return callQueue(take, request, env, context);
    case "message":
      return { response: await callMessage(take, request, env, context) };
    case "workflow":
      return { response: await take(request, env, context) };
  }
}

/** Upper bound of the text of a result that is kept. */
const MAX_RESULT_LENGTH = 64 * 1024;

async function callScheduled(
  take: Take,
  request: TriggerRequest,
  env: unknown,
  context: unknown,
): Promise<TriggerResult> {
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
    return { response: answer(200, { ...said(), ...resultOf(value) }) };
  } catch (error) {
    return { response: answer(500, { ...said(), error: thrown(error) }), threw: { error } };
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
): Promise<TriggerResult> {
  const { head, messages } = await bodyOf(request);
  const batch = new MessageBatch(
    head.queue ?? "",
    messages.map(({ head: one, data }) => new Message(one, data)),
  );
  try {
    await take(batch, env, context);
    return { response: answer(200, { verdicts: MessageBatch.verdictsOf(batch) }) };
  } catch (error) {
    const facts = { verdicts: MessageBatch.verdictsOf(batch), error: thrown(error) };
    return { response: answer(500, facts), threw: { error } };
  }
}

/** The value of `message` is the reply: a response, a text, bytes, or a value in JSON. Without one there is no reply. */
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
