/**
 * Schedules as they are stored: a state for each, from which everything else follows (docs/schedules.md, docs/wire.md).
 *
 * I1  A state is written by compare-and-set. Its alarm and the messages of its open runs are functions of it: each writer of a
 *     state, and any process that finds them missing, sends them.
 * I2  A tick is dealt with once: a state that passed it (`lastMs`) never goes back.
 */
import { z } from "zod";
import { parseJson } from "./parse-json.ts";
import { ScheduleSchema } from "./triggers.ts";

/** A schedule's function and its name there. */
export interface ScheduleKey {
  function: string;
  schedule: string;
}

const OpenRunSchema = z.object({
  /** Unique in the schedule. */
  id: z.string(),
  tickMs: z.number(),
  isManual: z.boolean(),
});
export type OpenRun = z.infer<typeof OpenRunSchema>;

const ScheduleStateSchema = z.object({
  /** The revision of the function's entry in `app-configs` that this definition is of. Older ones change nothing. */
  specRevision: z.number(),
  definition: ScheduleSchema,
  /** Where `@every` counts from. */
  anchorMs: z.number(),
  /** Ticks up to this one have been dealt with. */
  lastMs: z.number(),
  /** The tick that the alarm is set for. `null`: paused, or no tick comes. */
  nextMs: z.number().nullable(),
  isPaused: z.boolean(),
  /** Runs that were handed out, and whose end is not stored. */
  open: z.array(OpenRunSchema),
  /** Ticks that wait for the end of a run. */
  queue: z.array(z.number()),
  /** The function no longer has the schedule: the state is about to be deleted. */
  isRemoved: z.boolean().optional(),
});
export type ScheduleState = z.infer<typeof ScheduleStateSchema>;

export function decodeScheduleState(text: string): ScheduleState | undefined {
  return parseJson(text, ScheduleStateSchema);
}

/** The outcomes of a tick. `lost`: every node that ran it died. */
export const RUN_OUTCOMES = ["ok", "failed", "skipped", "missed", "lost"] as const;
export type RunOutcome = (typeof RUN_OUTCOMES)[number];

const RunRecordSchema = z.object({
  id: z.string(),
  outcome: z.enum(RUN_OUTCOMES),
  tickMs: z.number(),
  /** The times of a run; ticks that did not run have an end only. */
  startedMs: z.number().optional(),
  endedMs: z.number(),
  isManual: z.boolean().optional(),
  attempts: z.number().optional(),
  /** A code of the error catalogue, where the outcome is `failed`. */
  code: z.string().optional(),
  /** The error that the handler threw. */
  error: z.object({ message: z.string(), stack: z.string().optional() }).optional(),
  /** The handler's value, where it has a form in JSON of a bounded size. */
  result: z.unknown().optional(),
  /** The reason of `skipped`. The ticks of `missed`: how many, and whether there were more. */
  reason: z.string().optional(),
  count: z.number().optional(),
  hasMore: z.boolean().optional(),
  /** The id of the request in the log, and the node that called it. */
  requestId: z.string().optional(),
  node: z.string().optional(),
});
export type RunRecord = z.infer<typeof RunRecordSchema>;

export function decodeRunRecord(text: string): RunRecord | undefined {
  return parseJson(text, RunRecordSchema);
}

/** The id of a tick's run: `2026-11-30T00:30:00Z`. */
export function tickId(tickMs: number): string {
  return new Date(tickMs).toISOString().replace(".000Z", "Z");
}
