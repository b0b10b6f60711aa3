import { type JsMsg, jetstreamManager } from "@nats-io/jetstream";
import { stores, subjects, type WorkflowRecord } from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import { isStreamMissing } from "../jetstream-errors.ts";
import { openReader, type StreamReader } from "../stream-reader.ts";
import type { WorkflowName } from "./journal.ts";

export interface LastRecord extends WorkflowName {
  seq: number;
  record: WorkflowRecord;
}

const BATCH_WAIT_MS = 5_000;

export interface LastInput extends WorkflowName {
  seq: number;
  /** When it was stored, in epoch milliseconds. */
  at: number;
}

/** The last record of each workflow, of one function or all, in the order of these records. */
export async function* lastRecords(nats: Nats, workflow?: string): AsyncGenerator<LastRecord, void> {
  const filter = workflow === undefined ? subjects.workflowLogsAll : subjects.workflowLogs(workflow);
  for await (const { name, message } of lastOfEach(nats, filter)) {
    const record = parsed(Buffer.from(message.data).toString());
    if (record !== undefined) yield { ...name, seq: message.seq, record };
  }
}

/** The last input of each workflow, as `lastRecords`. */
export async function* lastInputs(nats: Nats, workflow?: string): AsyncGenerator<LastInput, void> {
  const filter = subjects.workflowInputs(workflow ?? "*", "*");
  for await (const { name, message } of lastOfEach(nats, filter))
    yield { ...name, seq: message.seq, at: message.time.getTime() };
}

async function* lastOfEach(
  nats: Nats,
  subject: string,
): AsyncGenerator<{ name: WorkflowName; message: JsMsg }, void> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  await using reader = await openWhereThere({
    ...{ nats, manager, filters: [nats.world.toWire(subject)], from: "last-of-each" as const },
    stream: stores.workflows.stream,
  });
  let left = reader?.pending ?? 0;
  while (reader !== undefined && left > 0) {
    let count = 0;
    for await (const message of reader.batch({ waitMs: BATCH_WAIT_MS })) {
      count += 1;
      left -= 1;
      const [, workflow, id] = /\.w\.([^.]+)\.([^.]+)\.(?:log|in)$/.exec(message.subject) ?? [];
      if (workflow !== undefined && id !== undefined) yield { name: { workflow, id }, message };
      if (left === 0) return;
    }
    if (count === 0) return;
  }
}

/** Undefined where there is no stream: no workflow has begun. */
async function openWhereThere(options: Parameters<typeof openReader>[0]): Promise<StreamReader | undefined> {
  try {
    return await openReader(options);
  } catch (error) {
    if (isStreamMissing(error)) return undefined;
    throw error;
  }
}

function parsed(text: string): WorkflowRecord | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
