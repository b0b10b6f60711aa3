/** Retries of a failed run. Its failed record is dropped, and the run goes on behind the record before. */
import type { Got, JournalMessage, WorkflowRecord, WorkflowState } from "./messages.ts";

export interface NumberedRecord {
  seq: number;
  log: WorkflowRecord;
}

/** A run that is to be retried. */
export interface PendingRetry {
  /** The sequence of its failed record. */
  failed: number;
  records: NumberedRecord[];
  /** The results that the failed record had. */
  got: Got[];
}

/** The records that count: a retried one takes the place of the failed one before it. */
export function standingRecords(records: readonly NumberedRecord[]): NumberedRecord[] {
  const standing: NumberedRecord[] = [];
  for (const one of records) {
    const { retried } = one.log;
    while (retried !== undefined && (standing.at(-1)?.seq ?? 0) >= retried) standing.pop();
    standing.push(one);
  }
  return standing;
}

/** The retry that a failed run waits for; undefined where it has not failed, was undone, or nobody asked for a retry. */
export function pendingRetryOf(
  records: readonly NumberedRecord[],
  messages: readonly JournalMessage[],
): PendingRetry | undefined {
  const index = records.findLastIndex(({ log }) => log.mark !== true);
  const last = records[index];
  if (last?.log.state !== "failed" || hasRolledBack(records)) return undefined;
  const isAsked = messages.some((message) => message.in?.t === "retry" && message.seq > last.log.seen);
  if (!isAsked) return undefined;
  const got = (last.log.got ?? []).filter(([, fate]) => fate !== "error");
  return { failed: last.seq, records: records.slice(0, index), got };
}

const FINAL: ReadonlySet<WorkflowState> = new Set(["done", "failed", "cancelled"]);

/** The record that has ended a workflow. Undefined: it has not ended. */
export function endOf(messages: readonly JournalMessage[]): WorkflowRecord | undefined {
  const last = messages.findLast(({ log }) => log !== undefined)?.log;
  return last !== undefined && FINAL.has(last.state) ? last : undefined;
}

/** Whether the steps of a run were undone. */
export function hasRolledBack(messages: readonly { log?: WorkflowRecord | undefined }[]): boolean {
  return messages.some(({ log }) => log?.did?.some(([kind]) => kind === "rollback") === true);
}
