/**
 * Workflows whose function is gone: they wait as `stuck`, without a due message, and go on when the function is back.
 *
 * A1  The mark of the function is stored before the record of its workflow: a mark without a record costs a look.
 * A2  The function is looked for again behind the record: one that came back meanwhile may not have seen it.
 * A3  A workflow is woken once for each such record, however many runners notice that the function is back.
 */
import {
  type FunctionSpec,
  type JournalMessage,
  NarunError,
  type WorkflowOutcome,
  type WorkflowRecord,
} from "../contracts/index.ts";
import {
  Absences,
  type Journals,
  lastRecords,
  type Nats,
  openSpecs,
  type WorkflowName,
} from "../nats/index.ts";
import type { TriggerCalls } from "../triggers/index.ts";

const CODE = "WORKFLOW_FUNCTION_MISSING";

export interface AbsentOptions {
  nats: Nats;
  calls: TriggerCalls;
}

export class Absent {
  readonly #options: AbsentOptions;
  readonly #journals: Journals;
  readonly #absences: Absences;

  constructor(options: AbsentOptions, journals: Journals) {
    this.#options = options;
    this.#journals = journals;
    this.#absences = new Absences(options.nats, journals);
  }

  /** Lets a workflow wait for its function, where that is missing. Undefined: it is there. */
  async park(
    name: WorkflowName,
    messages: readonly JournalMessage[],
  ): Promise<WorkflowOutcome | { outcome: "lost" } | undefined> {
    if (!(await this.#isMissing(name.workflow))) return undefined;
    await this.#absences.note(name.workflow);
    const record = recordOf(name, messages);
    const last = messages.findLast(({ log }) => log !== undefined)?.seq ?? 0;
    const seq = await this.#journals.append(name, JSON.stringify(record), last);
    if (seq === undefined) return { outcome: "fenced" };
    return (await this.#isMissing(name.workflow))
      ? { outcome: "waiting", seen: record.seen }
      : { outcome: "lost" };
  }

  /** Wakes the workflows that wait for a function which is back. */
  async wake(workflow: string): Promise<void> {
    const mark = await this.#absences.noted(workflow);
    if (mark === undefined) return;
    for await (const { id, seq, record } of lastRecords(this.#options.nats, workflow)) {
      if (record.state !== "stuck" || record.fault?.code !== CODE) continue;
      await this.#journals.sendOnce({ workflow, id }, { t: "timer" }, `back.${workflow}.${id}.${seq}`);
    }
    await this.#absences.forget(workflow, mark);
  }

  async #isMissing(workflow: string): Promise<boolean> {
    const dispatch = await this.#options.calls.dispatch();
    if (isWorkflow(dispatch.specOf(workflow))) return false;
    // Not known here is not missing: the specs may still be read.
    const read = await (await openSpecs(this.#options.nats)).get(workflow);
    if (read === undefined) return true;
    return read.ok && !(read.value.kind === "function" && isWorkflow(read.value.spec));
  }
}

function isWorkflow(spec: FunctionSpec | undefined): boolean {
  return spec?.workflow !== undefined;
}

/** A mark (contracts/workflow.ts): it has seen all inputs, and no code took them. */
function recordOf(
  { workflow }: WorkflowName,
  messages: readonly JournalMessage[],
): WorkflowRecord & { seen: number } {
  const base = messages.findLast(({ log }) => log?.state === "continued")?.seq;
  const rev = messages.findLast(({ log }) => log?.rev !== undefined)?.log?.rev;
  const { message } = new NarunError(CODE, { detail: workflow });
  return {
    ...{ at: Date.now(), seen: Math.max(...messages.map(({ seq, log }) => log?.seen ?? seq)) },
    ...{ state: "stuck", mark: true, fault: { name: "NarunError", message, code: CODE } },
    ...(base === undefined ? {} : { base }),
    ...(rev === undefined ? {} : { rev }),
  };
}
