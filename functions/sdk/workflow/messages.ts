/**
 * The messages of a journal, as contracts/workflow.ts has them: authors' compilers read these files, and know no types of Node.
 * test/workflows/messages.test.ts compares the two.
 */

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

/**
 * `stuck`: it cannot go on with this code, and waits for `retry`. `continued`: the record is the start of the next run. The last
 * three are final.
 */
export type WorkflowState =
  | "running"
  | "waiting"
  | "paused"
  | "stuck"
  | "continued"
  | "done"
  | "failed"
  | "cancelled";

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
  /** Binds it to its place, in a journal that is sealed. */
  bond?: { after: number; "~sealed": string };
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
