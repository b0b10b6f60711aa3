/**
 * The trace of a workflow: one for its whole life. Its span begins with the start and ends with the workflow; calls of executors,
 * steps, waits and signals are below it.
 *
 * T1  The ids follow from the journal: each runner makes the same ones, and a span that is sent twice is the same span.
 * T2  The spans of a call's records are made when the call is over. A runner that dies leaves them to its successor.
 */
import { createHash } from "node:crypto";
import {
  type FieldList,
  formatTraceparent,
  type JournalMessage,
  parseTraceparent,
  type TimelineEntry,
  type TraceContext,
  timelineOf,
  traceNames,
  type WorkflowRecord,
} from "../contracts/index.ts";
import type { WorkflowName } from "../nats/index.ts";
import { spanKinds, type Traces } from "../traces/index.ts";

const SUSPENDED: ReadonlySet<string> = new Set(["waiting", "paused", "stuck"]);

/** The fields of the call of an executor. Without traces it gets the place of the start. */
export function traceFieldsOf(
  traces: Traces | undefined,
  name: WorkflowName,
  messages: readonly JournalMessage[],
): FieldList {
  if (traces === undefined) {
    const parent = startOf(messages)?.parent;
    return parent === undefined ? [] : [traceNames.parent, formatTraceparent(parent)];
  }
  const place = placeOf(traces, name, messages);
  return place === undefined ? [] : [traceNames.parent, formatTraceparent(place.context)];
}

/** Whether the spans of a workflow are wanted. */
export function isTraced(
  traces: Traces | undefined,
  name: WorkflowName,
  messages: readonly JournalMessage[],
): boolean {
  return traces !== undefined && placeOf(traces, name, messages)?.context.isSampled === true;
}

/** Makes the spans of steps that have ended behind `before`, the journal at the call of an executor. `all`: the journal now. */
export function recordSpans(
  traces: Traces,
  name: WorkflowName,
  {
    before,
    all,
    isTakeover,
  }: { before: readonly JournalMessage[]; all: readonly JournalMessage[]; isTakeover: boolean },
): void {
  const start = startOf(all);
  const place = placeOf(traces, name, all);
  if (start === undefined || place === undefined) return;
  const { context, parent } = place;
  const last = before.findLast(({ log }) => log !== undefined && (!isTakeover || SUSPENDED.has(log.state)));
  const record = (span: {
    id: string;
    parentId: string | undefined;
    name: string;
    from: number;
    to: number;
    more?: object;
    error?: string | undefined;
  }) =>
    traces.record({
      traceId: context.traceId,
      spanId: span.id,
      parentId: span.parentId,
      name: span.name,
      kind: spanKinds.internal,
      startMs: span.from,
      endMs: span.to,
      attributes: { "narun.function": name.workflow, "narun.workflow_id": name.id, ...span.more },
      error: span.error,
      service: name.workflow,
    });
  let count = 0;
  let of = 0;
  timelineOf(all, start.at, (entry, seq) => {
    count = seq === of ? count + 1 : 0;
    of = seq;
    const isInput = entry.endedAt === undefined;
    const isNew = seq > ((isInput ? last?.log?.seen : last?.seq) ?? 0);
    if (!isNew || entry.kind === "start" || entry.kind === "version") return;
    const id = digestOf(name, start.seq, `${seq}.${count}`).slice(0, 16);
    record({ id, parentId: context.spanId, ...spanOf(entry) });
  });
  const ended = all.findLast(({ log }) => log !== undefined)?.log;
  if (ended !== undefined && ENDS.has(ended.state))
    record({
      ...{ id: context.spanId, parentId: parent?.spanId, name: `workflow ${name.workflow}` },
      ...{
        from: start.at,
        to: ended.at,
        more: { "narun.workflow_state": ended.state },
        error: errorOf(ended),
      },
    });
}

const ENDS: ReadonlySet<string> = new Set(["done", "failed", "cancelled"]);

function spanOf({ kind, name, at, endedAt = at, failures, error }: TimelineEntry) {
  return {
    name: name === "" ? kind : `${kind} ${name}`,
    ...{ from: at, to: endedAt, error: error?.code ?? error?.name },
    more: failures === 0 ? {} : { "narun.attempts": failures + 1 },
  };
}

function errorOf({ state, fault }: WorkflowRecord): string | undefined {
  return state === "done" ? undefined : (fault?.code ?? fault?.name ?? state);
}

function startOf(messages: readonly JournalMessage[]) {
  const start = messages.find((message) => message.in?.t === "start");
  if (start?.in?.t !== "start") return undefined;
  const { seq, at } = start;
  return { seq, at, parent: parseTraceparent(start.in.trace) };
}

function placeOf(
  { sampler }: Traces,
  name: WorkflowName,
  messages: readonly JournalMessage[],
): { context: TraceContext; parent: TraceContext | undefined } | undefined {
  const start = startOf(messages);
  if (start === undefined) return undefined;
  const { parent } = start;
  const digest = digestOf(name, start.seq);
  const traceId = parent?.traceId ?? digest.slice(0, 32);
  const isSampled = sampler(traceId, parent);
  return { context: { traceId, spanId: digest.slice(32, 48), isSampled }, parent };
}

/** Hexadecimal digits. */
function digestOf({ workflow, id }: WorkflowName, seq: number, part = ""): string {
  return createHash("sha256").update(`${workflow}/${id}/${seq}/${part}`).digest("hex");
}
