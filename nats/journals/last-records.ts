import { jetstreamManager } from "@nats-io/jetstream";
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

/** The last record of each workflow, of one function or all, in the order of these records. */
export async function* lastRecords(nats: Nats, workflow?: string): AsyncGenerator<LastRecord, void> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  const filter = nats.world.toWire(
    workflow === undefined ? subjects.workflowLogsAll : subjects.workflowLogs(workflow),
  );
  await using reader = await openWhereThere({
    ...{ nats, manager, filters: [filter], from: "last-of-each" as const },
    stream: stores.workflows.stream,
  });
  let left = reader?.pending ?? 0;
  while (reader !== undefined && left > 0) {
    let count = 0;
    for await (const { subject, seq, data } of reader.batch({ waitMs: BATCH_WAIT_MS })) {
      count += 1;
      left -= 1;
      const [, of, id] = /\.w\.([^.]+)\.([^.]+)\.log$/.exec(subject) ?? [];
      const record = parsed(Buffer.from(data).toString());
      if (of !== undefined && id !== undefined && record !== undefined)
        yield { workflow: of, id, seq, record };
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
