/**
 * Calls the handlers of triggers: `scheduled`, `queue`, `message` and `workflow`. Loaded with the first trigger (lazy-modules.ts).
 *
 * I1  `scheduled` and `queue` that throw give an answer, too: it names the error, and the verdicts up to there.
 * I2  `message` and `workflow` that throw fail as `fetch` does.
 * I3  It knows no class of the platform: a program of Node's own calls handlers by it, too (runtime/serve/).
 * I4  `workflow` gets the request itself, and gives a response: its body is the executor's own.
 */
import type { Trigger } from "../host/boundary.ts";
import { type DecodeUtf8, readTriggerBody } from "./body.ts";
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

/** The classes and coders of the place where the handler runs. */
export interface TriggerPlatform {
  Response: {
    new (body: string | Uint8Array<ArrayBuffer> | null, init?: { status: number }): object;
    json(data: unknown, init?: { status: number }): object;
  };
  decodeUtf8: DecodeUtf8;
  errorText(error: unknown): string;
}

/** A call of a handler. */
export interface TriggerCall {
  trigger: Trigger;
  take: Take;
  request: TriggerRequest;
  env: unknown;
  context: unknown;
}

/** Calls the handler of a trigger. */
export async function callTrigger(call: TriggerCall, platform: TriggerPlatform): Promise<TriggerResult> {
  switch (call.trigger) {
    case "scheduled":
      return callScheduled(call, platform);
    case "queue":
      return callQueue(call, platform);
    case "message":
      return { response: await callMessage(call, platform) };
    case "workflow":
      return { response: await call.take(call.request, call.env, call.context) };
  }
}

/** Upper bound of the text of a result that is kept. */
const MAX_RESULT_LENGTH = 64 * 1024;

async function callScheduled(
  { take, request, env, context }: TriggerCall,
  platform: TriggerPlatform,
): Promise<TriggerResult> {
  const {
    cron = "",
    scheduledTime = 0,
    name = "",
    id = "",
    attempts = 1,
    input,
  } = (await bodyOf(request, platform.decodeUtf8)).head;
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
    return { response: answer(platform, 200, { ...said(), ...resultOf(value) }) };
  } catch (error) {
    return {
      response: answer(platform, 500, { ...said(), error: thrown(platform, error) }),
      threw: { error },
    };
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
  { take, request, env, context }: TriggerCall,
  platform: TriggerPlatform,
): Promise<TriggerResult> {
  const { head, messages } = await bodyOf(request, platform.decodeUtf8);
  const batch = new MessageBatch(
    head.queue ?? "",
    messages.map(({ head: one, data }) => new Message(one, data, platform.decodeUtf8)),
  );
  try {
    await take(batch, env, context);
    return { response: answer(platform, 200, { verdicts: MessageBatch.verdictsOf(batch) }) };
  } catch (error) {
    const facts = { verdicts: MessageBatch.verdictsOf(batch), error: thrown(platform, error) };
    return { response: answer(platform, 500, facts), threw: { error } };
  }
}

/** The value of `message` is the reply: a response, a text, bytes, or a value in JSON. Without one there is no reply. */
async function callMessage(
  { take, request, env, context }: TriggerCall,
  { Response, decodeUtf8 }: TriggerPlatform,
): Promise<unknown> {
  const [only] = (await bodyOf(request, decodeUtf8)).messages;
  if (only === undefined) throw new TypeError("a trigger without its message");
  const value = await take(new Message(only.head, only.data, decodeUtf8), env, context);
  if (value === undefined || value === null) return new Response(null, { status: 204 });
  if (typeof value === "string" || value instanceof Uint8Array || value instanceof ArrayBuffer)
    return new Response(value as Uint8Array<ArrayBuffer>);
  return value instanceof Response ? value : Response.json(value);
}

async function bodyOf(
  request: TriggerRequest,
  decodeUtf8: DecodeUtf8,
): Promise<ReturnType<typeof readTriggerBody>> {
  return readTriggerBody(new Uint8Array(await request.arrayBuffer()), decodeUtf8);
}

function answer({ Response }: TriggerPlatform, status: number, facts: object): unknown {
  return Response.json(facts, { status });
}

function thrown({ errorText }: TriggerPlatform, error: unknown): { message: string; stack: string } {
  const stack = errorText(error);
  return { message: stack.split("\n", 1)[0] ?? "", stack };
}
