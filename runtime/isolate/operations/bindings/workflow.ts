/**
 * The operations of a workflow's code: it appends to the journals of its own function, starts and signals workflows, and waits for
 * their ends.
 *
 * I1  The code names an id, never a subject: its function's name is the host's own. The workflows of another function are reached
 *     by a binding (`workflow: name`) only.
 */
import {
  type FunctionConfig,
  isLiteralSubject,
  isReservedSubject,
  matchesSubject,
  subjects,
  type WorkflowParent,
} from "../../../../contracts/index.ts";
import {
  createHeaders,
  JournalClock,
  Journals,
  type Nats,
  toMessage,
  type WorkflowName,
} from "../../../../nats/index.ts";
import { CallError, type HostOperations } from "../../process/host-calls.ts";
import { readWhole } from "./arguments.ts";
import type { BindingContext } from "./binding-context.ts";
import { tellingAway } from "./journal-failure.ts";
import { createSealedJournals, type SealedJournals } from "./sealed-journals.ts";
import { createSealing } from "./sealing.ts";
import { inTrace, readId, readInput, readPayload, readWait } from "./workflow-arguments.ts";
import { WorkflowRuns } from "./workflow-runs.ts";

/** The states of a workflow that has ended. */
const ENDS: ReadonlySet<unknown> = new Set(["done", "failed", "cancelled"]);
/** Room for the headers of a message beside its payload. */
const MAX_HEADER_BYTES = 16 * 1024;

export interface WorkflowContext extends BindingContext {
  config: FunctionConfig;
}

export function createWorkflowOperations({
  streams: { nats },
  config,
  endOf,
  sealer,
  allDeclared,
}: WorkflowContext): HostOperations {
  const runs = new WorkflowRuns(nats);
  const own = config.workflowOf ?? config.name;
  const journals = new Journals(nats);
  const clock = new JournalClock(nats);
  // The first executor need not wait for the answer then.
  void clock.offsetMs();
  const sealed = createSealedJournals(sealer, config.workflow?.seal);
  const nameOf = (id: unknown, workflow: unknown = own) => ({
    workflow: readWorkflow(workflow, own, config),
    id: readId(id),
  });
  const mostBytes = nats.maxPayload - MAX_HEADER_BYTES;
  return tellingAway({
    ...createReadOperations({ journals, nats, nameOf, sealed }),
    ...createPublishing({ nats, config, sealer, allDeclared, mostBytes }),
    "workflow.run": ([id], { owner }) => {
      const end = endOf(owner);
      if (end !== undefined) runs.begin(nameOf(id), end);
      return clock.offsetMs();
    },
    "workflow.append": async ([id, recordValue, after, dueValue, state]) => {
      const name = nameOf(id);
      const clear = readPayload(recordValue, "a record", mostBytes);
      const before = readSequence(after);
      const record = readPayload(await sealed.sealRecord(name, clear, before), "a record", mostBytes);
      const due = readWhole(dueValue, { name: "due", min: 0, max: MAX_TIME_MS });
      const seq = await journals.append(name, record, before, due);
      if (seq !== undefined && ENDS.has(state)) journals.tellEnd(name, seq, record);
      return seq;
    },
    "workflow.start": async ([workflow, id, inputValue, waitValue], { trace }) => {
      const name = nameOf(id, workflow);
      const clear = inTrace(readInput(readPayload(inputValue, "the input", mostBytes)), trace);
      const input = await sealed.sealInput(name, clear);
      const waitMs = readWait(waitValue);
      let isNew = false;
      const begin = async () => {
        isNew = await journals.send(name, input, true);
      };
      if (waitMs > 0) {
        const ended = await journals.end(name, waitMs, begin);
        return [isNew, ended ? JSON.stringify(await sealed.openRecord(name, ended.record)) : undefined];
      }
      await begin();
      if (!isNew && input.t === "start" && input.parent !== undefined)
        await requireChild(journals, name, input.parent);
      const last = isNew ? undefined : await journals.last(name);
      return [isNew, last ? JSON.stringify(await sealed.openRecord(name, last.record)) : undefined];
    },
    "workflow.send": async ([workflow, id, inputValue]) => {
      const name = nameOf(id, workflow);
      const input = readInput(readPayload(inputValue, "the payload", mostBytes));
      await journals.send(name, await sealed.sealInput(name, input));
      return undefined;
    },
  });
}

type PublishParts = Pick<WorkflowContext, "config" | "sealer" | "allDeclared"> & {
  nats: Nats;
  mostBytes: number;
};

function createPublishing({ nats, config, sealer, allDeclared, mostBytes }: PublishParts): HostOperations {
  return {
    "workflow.publish": async ([subjectValue, dataValue, messageId]) => {
      const subject = readSubject(subjectValue, config);
      const headers = createHeaders();
      headers.set("Nats-Msg-Id", [readMessageId(messageId)]);
      const data = readPayload(dataValue, "a message", mostBytes);
      const label = allDeclared("publish").find(
        ({ seal, subjects: patterns }) =>
          seal !== undefined && patterns.some((one) => matchesSubject(one, subject)),
      )?.seal;
      const bytes =
        label === undefined
          ? data
          : await createSealing(sealer, label).seal(Buffer.from(data), ["subject", subject]);
      nats.publish(subject, bytes, headers);
      await nats.flush();
      return undefined;
    },
  };
}

/** A child tells its parent how it ended: a workflow of another parent would never do so. */
async function requireChild(journals: Journals, name: WorkflowName, parent: WorkflowParent): Promise<void> {
  const start = (await journals.read(name)).map(toMessage).find((message) => message.in?.t === "start")?.in;
  const other = start?.t === "start" ? start.parent : undefined;
  const { workflow, id, n } = parent;
  if (other?.workflow === workflow && other.id === id && other.n === n) return;
  throw new CallError(
    "WorkflowIdTaken",
    `WORKFLOW_ID_TAKEN: ${name.workflow}/${name.id} is no child of ${workflow}/${id}: give the child another id`,
  );
}

type NameOf = (id: unknown, workflow?: unknown) => WorkflowName;

interface ReadParts {
  journals: Journals;
  nats: Nats;
  nameOf: NameOf;
  sealed: SealedJournals;
}

/** Upper bound of a journal that is opened at once. */
const MAX_JOURNAL_CHARACTERS = 256 * 1024 * 1024;

function createReadOperations({ journals, nats, nameOf, sealed }: ReadParts): HostOperations {
  return {
    "workflow.open": async ([id, messages]) => {
      const name = nameOf(id);
      const text = readPayload(messages, "a journal", MAX_JOURNAL_CHARACTERS);
      return JSON.stringify(await sealed.openMessages(name, JSON.parse(text)));
    },
    "workflow.seal": ([id, record]) =>
      sealed.sealRecord(nameOf(id), readPayload(record, "a record", MAX_JOURNAL_CHARACTERS)),
    "workflow.last": async ([id, waitValue]) => {
      const name = nameOf(id);
      const waitMs = readWait(waitValue);
      const last = waitMs > 0 ? await journals.end(name, waitMs) : await journals.last(name);
      if (last === undefined || last === null) return last === null ? "null" : undefined;
      return JSON.stringify(await sealed.openRecord(name, last.record));
    },
    "workflow.load": async ([id]) => {
      const name = nameOf(id);
      return JSON.stringify(await sealed.openMessages(name, (await journals.read(name)).map(toMessage)));
    },
    "workflow.inputs": async ([id, seenValue, waitValue], { signal }) => {
      const name = nameOf(id);
      const seen = readSequence(seenValue);
      const { promise, resolve } = Promise.withResolvers<void>();
      const subscription = nats.subscribe(subjects.workflowInputs(name.workflow, name.id), () => resolve());
      const timer = setTimeout(resolve, readWait(waitValue));
      signal.addEventListener("abort", () => resolve(), { once: true });
      try {
        const found = await journals.inputsAfter(name, seen);
        if (found.length > 0) return JSON.stringify(await sealed.openMessages(name, found));
        await promise;
        if (signal.aborted) return "[]";
        return JSON.stringify(await sealed.openMessages(name, await journals.inputsAfter(name, seen)));
      } finally {
        clearTimeout(timer);
        subscription.unsubscribe();
      }
    },
  };
}

function readSequence(value: unknown): number {
  return readWhole(value, { name: "a sequence", min: 0, max: Number.MAX_SAFE_INTEGER }) ?? 0;
}

/** The end of the year 9999. */
const MAX_TIME_MS = 253_402_300_799_000;

function readWorkflow(workflow: unknown, own: string, config: FunctionConfig): string {
  if (workflow === own) return own;
  const declared = config.bindings.map((binding) => binding.workflow);
  if (typeof workflow === "string" && declared.includes(workflow)) return workflow;
  throw new CallError(
    "BindingError",
    `the workflows of ${JSON.stringify(workflow)} are not this function's: declare \`bindings: [{ name: NAME, workflow: ${String(workflow)} }]\``,
  );
}

function readSubject(subject: unknown, config: FunctionConfig): string {
  const patterns = config.bindings.flatMap(({ publish }) => publish ?? []);
  const isSubject = typeof subject === "string" && subject.isWellFormed() && isLiteralSubject(subject);
  if (isSubject && !isReservedSubject(subject) && patterns.some((one) => matchesSubject(one, subject)))
    return subject;
  throw new CallError(
    "BindingError",
    `${JSON.stringify(subject)} is none of the declared subjects (${patterns.join(", ") || "none"}): declare a binding with \`publish\``,
  );
}

function readMessageId(value: unknown): string {
  if (typeof value === "string" && /^[\x21-\x7e]{1,400}$/.test(value)) return value;
  throw new CallError("TypeError", "a message's id is a visible text");
}
