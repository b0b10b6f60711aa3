/**
 * The body of a trigger's request, and of its answer. Both are JSON on one line, and the request's is followed by a line feed and
 * the bytes of the messages, one behind the other. web/triggers/ reads the request and writes the answer.
 */
import { z } from "zod";
import { parseJson } from "../parse-json.ts";

/** A tick of a schedule. */
export interface ScheduledFact {
  kind: "scheduled";
  cron: string;
  /** The time of the tick, in epoch milliseconds. */
  scheduledTime: number;
  /** The schedule's name in its function. */
  name?: string;
  /** The same for each attempt at a tick, and for no other tick of the schedule. */
  id?: string;
  /** The number of this attempt, from 1. */
  attempts?: number;
  /** `input` of narun.yaml. */
  input?: unknown;
}

/** A message, as a handler gets it. */
export interface TriggerMessage {
  /** Unique among the messages of its stream or subscription. */
  id: string;
  subject: string;
  /** When it was stored, or came, in epoch milliseconds. */
  timestamp: number;
  /** The number of this delivery, from 1. */
  attempts: number;
  headers: Readonly<Record<string, readonly string[]>>;
  data: Uint8Array;
}

/** A batch of messages of a stream. */
export interface QueueFact {
  kind: "queue";
  /** The stream. */
  queue: string;
  messages: readonly TriggerMessage[];
}

/** A message of a subscription. */
export interface MessageFact {
  kind: "message";
  /** Its sender waits for a reply. */
  wantsReply: boolean;
  message: TriggerMessage;
}

/** A call of a workflow's executor. `head` and `data` are its own. */
export interface WorkflowFact {
  kind: "workflow";
  head: unknown;
  data: Uint8Array;
}

export type TriggerFact = ScheduledFact | QueueFact | MessageFact | WorkflowFact;

const NO_BYTES = new Uint8Array();

/** The body of a trigger's request. */
export function encodeTrigger(fact: TriggerFact): Uint8Array {
  switch (fact.kind) {
    case "scheduled":
      return joined({ ...fact, kind: undefined }, [NO_BYTES]);
    case "queue":
      return joined(
        { queue: fact.queue, messages: fact.messages.map(headOf) },
        fact.messages.map(({ data }) => data),
      );
    case "message":
      return joined({ wantsReply: fact.wantsReply, messages: [headOf(fact.message)] }, [fact.message.data]);
    case "workflow":
      return joined(fact.head, [fact.data]);
  }
}

function headOf({ data, ...facts }: TriggerMessage): object {
  return { ...facts, bytes: data.byteLength };
}

/** JSON has no line feed of its own. */
function joined(head: unknown, parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([Buffer.from(`${JSON.stringify(head ?? null)}\n`), ...parts]);
}

const ThrownSchema = z.object({
  /** One line. */
  message: z.string(),
  /** With the author's places, where the source map is known. */
  stack: z.string().optional(),
});
export type ThrownFact = z.infer<typeof ThrownSchema>;

/** A handler's verdict on a message of its batch. `null`: none. */
const VerdictSchema = z.union([
  z.literal("ack"),
  z.object({ retry: z.object({ delaySeconds: z.number().min(0).optional() }) }),
  z.null(),
]);
/** The end of a message: `retry` is delivered again, after the delay where there is one. */
export type Verdict = { kind: "ack" } | { kind: "retry"; delaySeconds: number | undefined };

const AnswerSchema = z.object({
  /** The handler threw. */
  error: ThrownSchema.optional(),
  /** The handler of `scheduled` called `noRetry`. */
  noRetry: z.boolean().optional(),
  /** The value of the handler of `scheduled`. */
  result: z.unknown().optional(),
  /** The verdicts of `queue`, one for each message. */
  verdicts: z.array(VerdictSchema).optional(),
});

export interface TriggerAnswer {
  error: ThrownFact | undefined;
  noRetry: boolean;
  result: unknown;
  /** One for each message of a batch. */
  verdicts: Verdict[];
}

/**
 * Reads the answer of `scheduled` and `queue`: user input. Undefined where it has not the form. Messages without a verdict were
 * taken, unless the handler threw.
 */
export function decodeTriggerAnswer(data: Uint8Array, messages = 0): TriggerAnswer | undefined {
  const parsed = parseJson(Buffer.from(data).toString(), AnswerSchema);
  if (parsed === undefined) return undefined;
  const { error, noRetry = false, result, verdicts = [] } = parsed;
  if (verdicts.length > messages) return undefined;
  return {
    error,
    noRetry,
    result,
    verdicts: Array.from({ length: messages }, (_, at): Verdict => {
      const verdict = verdicts[at] ?? null;
      if (verdict === "ack") return { kind: "ack" };
      if (verdict !== null) return { kind: "retry", delaySeconds: verdict.retry.delaySeconds };
      return error === undefined ? { kind: "ack" } : { kind: "retry", delaySeconds: undefined };
    }),
  };
}
