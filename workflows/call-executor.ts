import { z } from "zod";
import {
  type FieldList,
  type JournalMessage,
  parseJson,
  readWorkflowOutcome,
  type WorkflowOutcome,
} from "../contracts/index.ts";
import type { WorkflowName } from "../nats/index.ts";
import type { TriggerCalls } from "../triggers/index.ts";
import type { Code } from "./pinned.ts";

export interface ExecutorCall {
  messages: readonly JournalMessage[];
  isTakeover: boolean;
  code: Code;
  /** Its place in a trace. */
  fields: FieldList;
  /** The time of NATS' clock, where the node's is another. */
  nowMs: number | undefined;
}

/** The executor is gone, and had begun: its answer is lost. */
const LOST = new Set(["CONSUMER_DIED", "STREAM_BROKEN", "REQUEST_TIMEOUT", "CPU_LIMIT", "MEMORY_LIMIT"]);

/** Calls a workflow's executor, in an instance of its function. Undefined: the function does not answer now. */
export async function callExecutor(
  calls: TriggerCalls,
  { id }: WorkflowName,
  { messages, isTakeover, code, fields, nowMs }: ExecutorCall,
): Promise<WorkflowOutcome | { outcome: "lost" } | undefined> {
  const lines = messages.map((message) => JSON.stringify(message)).join("\n");
  const answer = await calls.call({
    service: code.service,
    fact: {
      kind: "workflow",
      head: { id, isTakeover, revision: code.revision, nowMs },
      data: Buffer.from(lines),
    },
    isRepeatable: false,
    fields,
  });
  if (answer.kind === "failed") return LOST.has(answer.code) ? { outcome: "lost" } : undefined;
  if (answer.status !== 200) return undefined;
  return readWorkflowOutcome(parseJson(Buffer.from(answer.data).toString(), z.unknown()));
}
