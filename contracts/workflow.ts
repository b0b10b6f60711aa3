/**
 * Durable workflows: their key in narun.yaml, and the messages of their journals. docs/workflows.md has the whole.
 *
 * A journal is two subjects of one stream. `in` takes messages from outside: the start, signals, fired timers, results of
 * children. `log` takes the records of the workflow's executor: one for each turn.
 *
 * J1  A record is appended only behind the record that its executor saw last: the server compares the sequence. One of
 *     two executors is refused, and stops.
 * J2  A turn takes inputs up to `seen`, then the timers that are due at `at`, then `got`, in this order; then the code runs until
 *     it waits. The same turns in the same order lead the same code to the same commands.
 * J3  An effect begins after the record of the turn that asked for it, except in the first turn, which follows from the start.
 * J4  A workflow that neither waits nor has ended has an open due message: an `in` message without an acknowledgement.
 * J5  The runner that saw a workflow wait looks for inputs behind `seen` before it acknowledges the due message.
 */
import { z } from "zod";
import { LabelSchema } from "./keys.ts";

const DAY_MS = 86_400_000;

/** The key `workflow` of narun.yaml: `true`, or its settings. */
export const WorkflowSchema = z
  .preprocess(
    (value) => (value === true ? {} : value),
    z.strictObject({
      /** How long the journal of a workflow that has ended is kept. */
      retentionMs: z
        .int()
        .min(0)
        .max(3_650 * DAY_MS)
        .default(7 * DAY_MS),
      /** The label for which the values of the journal are sealed (docs/encryption.md). Absent: they are in clear. */
      seal: LabelSchema.optional(),
    }),
  )
  .optional();

/** The id of a workflow: a token of a subject. */
export const WORKFLOW_ID = /^[A-Za-z0-9_-]{1,128}$/;

/** An error as a journal has it. */
export interface WorkflowFault {
  name: string;
  message: string;
  stack?: string;
  code?: string;
  /** Its message and stack, in a journal that is sealed. */
  sealed?: { "~sealed": string; of?: [workflow: string, base: number] };
}

/** A message of the subject `in`. */
export type WorkflowInput =
  /** `trace`: the place of the start in its trace, as `traceparent` (W3C Trace Context). */
  /** `refused`: its input could not be opened, by a code of docs/encryption.md. It is not stored. */
  | { t: "start"; input?: unknown; parent?: WorkflowParent; trace?: string; refused?: string }
  | { t: "signal"; id: string; name: string; payload?: unknown }
  | { t: "cancel" | "pause" | "resume" | "retry"; id: string }
  | { t: "migrate"; id: string; revision: string }
  | { t: "timer" }
  | { t: "child"; n: number; child: string; ok?: unknown; fault?: WorkflowFault }
  | { t: "sweep" };

/** The workflow whose command `n` of run `run` started this one. */
export interface WorkflowParent {
  workflow: string;
  id: string;
  n: number;
  /** The workflows above that one, from the first: `workflow/id`. */
  above?: string[];
}

/** The kinds of commands. */
export type CommandKind = "step" | "sleep" | "wait" | "child" | "publish" | "call" | "rollback" | "version";

/** A command of the code: its kind and its name. Its number is its place among all commands of the run. */
export type Did = [kind: CommandKind, name: string];

/** The fate of a command. `retry`: it failed, and is tried again at a time. `begun`: a child was started. */
export type Got =
  | [n: number, what: "ok", value?: unknown]
  | [n: number, what: "error", fault: WorkflowFault]
  | [n: number, what: "retry", fault: WorkflowFault, at: number]
  | [n: number, what: "begun"];

export const WORKFLOW_STATES = [
  "running",
  "waiting",
  "paused",
  "stuck",
  "continued",
  "done",
  "failed",
  "cancelled",
] as const;
/**
 * `stuck`: it cannot go on with this code, and waits for `retry`. `continued`: the record is the start of the next run. The last
 * three are final.
 */
export type WorkflowState = (typeof WORKFLOW_STATES)[number];

/** A message of the subject `log`. */
export interface WorkflowRecord {
  /** The time of the turn, in epoch milliseconds. */
  at: number;
  /** The sequence of the last input that was taken. */
  seen: number;
  state: WorkflowState;
  /** The commands since the record before. */
  did?: Did[];
  got?: Got[];
  /** `waiting`: when the next timer is due. */
  due?: number;
  /** `done`: the result. `continued`: the input of the next run. */
  value?: unknown;
  /** `failed`, `cancelled`, `stuck`. */
  fault?: WorkflowFault;
  /** `continued`: the inputs that no wait has taken. */
  kept?: { name: string; payload?: unknown }[];
  /** The sequence of the last record that is `continued`: the run begins there. */
  base?: number;
  /** The revision of the code. Records of a workflow that runs may lack it. */
  rev?: string;
  /** The sequence of the failed record whose place this one takes: the run was retried. */
  retried?: number;
  /** It is a mark, and no turn of the code. */
  mark?: true;
  /** Binds it to its place, in a journal that is sealed (bound-record.ts). */
  bond?: { after: number; "~sealed": string };
}

/** Whether a workflow has ended. */
export function isFinal(state: WorkflowState): boolean {
  return state === "done" || state === "failed" || state === "cancelled";
}

/** A message of a journal, as its executor reads it. */
export type JournalMessage = { seq: number; at: number } & (
  | { in: WorkflowInput; log?: undefined }
  | { log: WorkflowRecord; in?: undefined }
);

/**
 * How a call of an executor ended. `steps`: how many commands with effects ended in it. A waiting workflow is woken
 * by inputs behind `seen`; `seq` is of the record that says so, and executors of earlier versions do not tell it.
 */
export type WorkflowOutcome = { steps?: number | undefined } & (
  | { outcome: "waiting"; seen: number; seq?: number | undefined }
  /** It gave the executor up at a good place: it is called again at once. */
  | { outcome: "yielded" }
  /** It ended. */
  | { outcome: "ended"; record: WorkflowRecord }
  /** Another executor has gone on with it. */
  | { outcome: "fenced" }
);

const steps = z.int().min(0).max(1_000_000).optional();
const OutcomeSchema = z.discriminatedUnion("outcome", [
  z.object({ outcome: z.literal("waiting"), seen: z.number(), seq: z.number().optional(), steps }),
  z.object({ outcome: z.literal("yielded"), steps }),
  z.object({
    outcome: z.literal("ended"),
    steps,
    record: z.looseObject({ at: z.number(), seen: z.number(), state: z.enum(WORKFLOW_STATES) }),
  }),
  z.object({ outcome: z.literal("fenced"), steps }),
]);

/** Reads the answer of an executor. Undefined where it has not the form. */
export function readWorkflowOutcome(value: unknown): WorkflowOutcome | undefined {
  const parsed = OutcomeSchema.safeParse(value);
  return parsed.success ? (parsed.data as WorkflowOutcome) : undefined;
}
