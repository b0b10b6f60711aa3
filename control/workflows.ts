/** Questions about workflows, and orders to them, without their functions: from the journals alone. */
import {
  type FunctionSpec,
  isFinal,
  type JournalSeals,
  NarunError,
  SealedJournal,
  type TimelineEntry,
  timelineOf,
  WORKFLOW_ID,
  type WorkflowFault,
  type WorkflowInput,
  type WorkflowRecord,
  type WorkflowState,
} from "../contracts/index.ts";
import {
  Journals,
  lastInputs,
  lastRecords,
  type Nats,
  openSpecs,
  toMessage,
  type WorkflowName,
} from "../nats/index.ts";

export type { TimelineEntry } from "../contracts/index.ts";

export interface WorkflowFacts extends WorkflowName {
  state: WorkflowState;
  /** When it got there, in epoch milliseconds. */
  at: number;
  /** When it goes on by itself. */
  due?: number;
  revision?: string;
  error?: WorkflowFault;
}

export interface WorkflowFilter {
  workflow?: string | undefined;
  state?: string | undefined;
  /** Only workflows that got into their state since then. */
  since?: Date | undefined;
}

/** The workflows, by their last records; then those that have begun, and have no record yet. */
export async function* listWorkflows(
  nats: Nats,
  filter: WorkflowFilter,
): AsyncGenerator<WorkflowFacts, void> {
  const known = new Set<string>();
  const isWanted = ({ state, at }: WorkflowFacts) =>
    (filter.state === undefined || state === filter.state) &&
    (filter.since === undefined || at >= filter.since.getTime());
  for await (const { workflow, id, record } of lastRecords(nats, filter.workflow)) {
    known.add(`${workflow}/${id}`);
    const facts = factsOf({ workflow, id }, record);
    if (isWanted(facts)) yield facts;
  }
  for await (const { workflow, id, at } of lastInputs(nats, filter.workflow)) {
    const facts = { workflow, id, state: "running" as const, at };
    const isWorkflow = WORKFLOW_FUNCTION.test(workflow) && !known.has(`${workflow}/${id}`);
    if (isWorkflow && isWanted(facts)) yield facts;
  }
}

/** The timers of narun itself have names that no function has. */
const WORKFLOW_FUNCTION = /^[a-z0-9]/i;

function factsOf(name: WorkflowName, { state, at, due, rev, fault }: WorkflowRecord): WorkflowFacts {
  return {
    ...name,
    ...{ state, at },
    ...(due === undefined ? {} : { due }),
    ...(rev === undefined ? {} : { revision: rev }),
    ...(fault === undefined ? {} : { error: fault }),
  };
}

export interface WorkflowHistory extends WorkflowFacts {
  startedAt: number;
  input: unknown;
  result: unknown;
  timeline: TimelineEntry[];
}

/** Seals and opens the values of sealed journals. Default: sealed values stay so, and no value is sent to such workflows. */
export type WorkflowSeals = JournalSeals;

/** A workflow with its whole time line. Error: WORKFLOW_NOT_FOUND. */
export async function showWorkflow(
  nats: Nats,
  name: WorkflowName,
  seals?: WorkflowSeals,
): Promise<WorkflowHistory> {
  const stored = (await new Journals(nats).read(readName(name))).map(toMessage);
  const messages =
    seals === undefined ? stored : await new SealedJournal(seals, undefined, name).openMessages(stored);
  const start = messages.find((message) => message.in?.t === "start");
  if (start === undefined) throw notFound(name);
  const records = messages.flatMap(({ log }) => (log === undefined ? [] : [log]));
  const last = records.at(-1);
  const facts =
    last === undefined ? { ...name, state: "running" as const, at: start.at } : factsOf(name, last);
  return {
    ...facts,
    startedAt: start.at,
    input: start.in?.t === "start" ? start.in.input : undefined,
    result: last?.state === "done" ? last.value : undefined,
    timeline: timelineOf(messages, start.at),
  };
}

/** Starts a workflow. False: there is one with its id, which goes on. Error: FUNCTION_NOT_FOUND, WORKFLOW_NOT_DECLARED. */
export async function startWorkflow(
  nats: Nats,
  name: WorkflowName,
  input: unknown,
  seals?: WorkflowSeals,
): Promise<boolean> {
  const { workflow } = await liveSpec(nats, name.workflow);
  const start: WorkflowInput = { t: "start", ...(input === undefined ? {} : { input }) };
  return new Journals(nats).send(readName(name), await sealedFor(workflow?.seal, name, start, seals), true);
}

/** Error: SEAL_MISSING, where the workflow takes sealed values alone, and there is no key. */
async function sealedFor(
  label: string | undefined,
  name: WorkflowName,
  input: WorkflowInput,
  seals: WorkflowSeals | undefined,
): Promise<WorkflowInput> {
  if (label === undefined) return input;
  if (seals !== undefined) return new SealedJournal(seals, label, name).sealInput(input);
  if (input.t === "start" && input.input === undefined) return input;
  throw new NarunError("SEAL_MISSING", {
    detail: `the values of ${name.workflow} are sealed for ${label}: name your key file by --keys and --as`,
  });
}

export type WorkflowOrder =
  | { order: "cancel" | "pause" | "resume" | "retry" | "migrate" }
  | { order: "signal"; name: string; payload?: unknown };

/** Sends a signal or an order. `retry` is for failed workflows, too. Errors: WORKFLOW_NOT_FOUND, WORKFLOW_ENDED, WORKFLOW_ROLLED_BACK. */
export async function orderWorkflow(
  nats: Nats,
  name: WorkflowName,
  { order, ...facts }: WorkflowOrder,
  { signalId = crypto.randomUUID(), seals }: { signalId?: string; seals?: WorkflowSeals } = {},
): Promise<void> {
  const journals = new Journals(nats);
  const last = await journals.last(readName(name));
  if (last === undefined) throw notFound(name);
  if (order === "retry" && last?.record.state === "failed") await refuseUndone(journals, name);
  else if (last !== null && isFinal(last.record.state))
    throw new NarunError("WORKFLOW_ENDED", { detail: `${name.workflow} ${name.id} is ${last.record.state}` });
  if (order === "signal" && "name" in facts)
    await journals.send(name, await sealedSignal(nats, name, { t: "signal", id: signalId, ...facts }, seals));
  else if (order === "migrate")
    await journals.send(name, { t: order, id: signalId, revision: await liveRevision(nats, name.workflow) });
  else if (order !== "signal") await journals.send(name, { t: order, id: signalId });
}

async function sealedSignal(
  nats: Nats,
  name: WorkflowName,
  signal: WorkflowInput,
  seals: WorkflowSeals | undefined,
): Promise<WorkflowInput> {
  const read = await (await openSpecs(nats)).get(name.workflow);
  const spec = read?.ok === true && read.value.kind === "function" ? read.value.spec : undefined;
  return sealedFor(spec?.workflow?.seal, name, signal, seals);
}

/** A failed workflow whose steps were undone cannot go on behind them. */
async function refuseUndone(journals: Journals, name: WorkflowName): Promise<void> {
  const messages = (await journals.read(name)).map(toMessage);
  if (messages.some(({ log }) => log?.did?.some(([kind]) => kind === "rollback") === true))
    throw new NarunError("WORKFLOW_ROLLED_BACK", { detail: `${name.workflow} ${name.id}` });
}

/** The last record of a workflow; waits for its end for `waitMs`. Error: WORKFLOW_NOT_FOUND. */
export async function resultOfWorkflow(
  nats: Nats,
  name: WorkflowName,
  waitMs: number,
  seals?: WorkflowSeals,
): Promise<WorkflowRecord | undefined> {
  const journals = new Journals(nats);
  const last = waitMs > 0 ? await journals.end(readName(name), waitMs) : await journals.last(readName(name));
  if (last === undefined) throw notFound(name);
  if (last === null || seals === undefined) return last?.record;
  return new SealedJournal(seals, undefined, name).openRecord(last.record);
}

/** Deletes the journal of a workflow that has ended, or of any with `isForced`. Errors: WORKFLOW_NOT_FOUND, WORKFLOW_RUNS. */
export async function removeWorkflow(nats: Nats, name: WorkflowName, isForced: boolean): Promise<void> {
  const journals = new Journals(nats);
  const last = await journals.last(readName(name));
  if (last === undefined) throw notFound(name);
  if (!isForced && (last === null || !isFinal(last.record.state)))
    throw new NarunError("WORKFLOW_RUNS", {
      detail: `${name.workflow} ${name.id} is ${last?.record.state ?? "running"}`,
    });
  await journals.purge(name);
}

async function liveRevision(nats: Nats, workflow: string): Promise<string> {
  return (await liveSpec(nats, workflow)).revision;
}

async function liveSpec(nats: Nats, workflow: string): Promise<FunctionSpec> {
  const read = await (await openSpecs(nats)).get(workflow);
  const spec = read?.ok === true && read.value.kind === "function" ? read.value.spec : undefined;
  if (spec === undefined) throw new NarunError("FUNCTION_NOT_FOUND", { detail: workflow });
  if (spec.workflow === undefined) throw new NarunError("WORKFLOW_NOT_DECLARED", { detail: workflow });
  return spec;
}

function readName(name: WorkflowName): WorkflowName {
  if (WORKFLOW_ID.test(name.id)) return name;
  throw new NarunError("WORKFLOW_ID_INVALID", { detail: JSON.stringify(name.id) });
}

function notFound({ workflow, id }: WorkflowName): NarunError {
  return new NarunError("WORKFLOW_NOT_FOUND", { detail: `${workflow} ${id}` });
}
