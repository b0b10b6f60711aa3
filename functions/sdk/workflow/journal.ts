/** The host's side of workflows, as code sees it: a property of `env` that is not enumerable. */
import type { JournalMessage, WorkflowInput, WorkflowRecord } from "./messages.ts";

/** How a start ended: it is new, or the workflow was there. */
export interface Started {
  isNew: boolean;
  record: WorkflowRecord | undefined;
}

export interface Journal {
  /** The function's name. */
  readonly workflow: string;
  /** The paths of the function's routes, without `/*`. */
  readonly paths: readonly string[];
  /**
   * Tells the runners that ask for it that this instance runs a workflow, until the request is over. Resolves with NATS' clock less
   * this machine's, in milliseconds; an older host does not know it.
   */
  run(id: string): Promise<number | undefined>;
  append(id: string, record: WorkflowRecord, after: number): Promise<number | undefined>;
  /** `waitMs`: also waits for the end, so long. */
  start(workflow: string, id: string, input: WorkflowInput, waitMs: number): Promise<Started>;
  /** Sends an input to a workflow that is there. */
  send(workflow: string, id: string, input: WorkflowInput): Promise<void>;
  /** The last record, or the next final one; `null`: started, without a record; undefined: no such workflow. */
  last(id: string, waitMs: number): Promise<WorkflowRecord | null | undefined>;
  /** Whether its values are sealed. The methods of this object take and give them in clear. */
  readonly isSealed: boolean;
  /** Messages of a journal with their values in clear. */
  open(id: string, messages: readonly JournalMessage[]): Promise<JournalMessage[]>;
  /** A record as the journal has it. */
  seal(id: string, record: WorkflowRecord): Promise<WorkflowRecord>;
  load(id: string): Promise<JournalMessage[]>;
  moreInputs(id: string, seen: number, waitMs: number): Promise<JournalMessage[]>;
  publish(subject: string, data: string, messageId: string): Promise<void>;
  /** Calls back when all code that can run has run. */
  drained(callback: () => void): void;
  /** Whether nothing but this workflow's code runs between two such calls. */
  readonly isAlone: boolean;
}

/** The name of the property. */
const PROPERTY = "narun:journal";

export function journalOf(env: unknown): Journal {
  const journal = (env as Record<string, Journal | undefined> | undefined)?.[PROPERTY];
  if (journal === undefined)
    throw Object.assign(
      new TypeError(
        "WORKFLOW_NOT_DECLARED: the function exports a workflow; write `workflow: true` into its narun.yaml",
      ),
      { code: "WORKFLOW_NOT_DECLARED" },
    );
  return journal;
}
