/** Questions about workflows, and orders to them, without their functions: from the journals alone. */
import {
  type CommandKind,
  isFinal,
  type JournalMessage,
  NarunError,
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

/** A line of a workflow's time line. Times are epoch milliseconds. */
export interface TimelineEntry {
  kind: CommandKind | "start" | "signal" | "cancel" | "pause" | "resume" | "retry" | "migrate";
  name: string;
  at: number;
  /** Undefined: it goes on, or has no length. */
  endedAt?: number;
  /** Attempts that failed. */
  failures: number;
  value?: unknown;
  error?: WorkflowFault;
}

export interface WorkflowHistory extends WorkflowFacts {
  startedAt: number;
  input: unknown;
  result: unknown;
  timeline: TimelineEntry[];
}

/** A workflow with its whole time line. Error: WORKFLOW_NOT_FOUND. */
export async function showWorkflow(nats: Nats, name: WorkflowName): Promise<WorkflowHistory> {
  const messages = (await new Journals(nats).read(readName(name))).map(toMessage);
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

function timelineOf(messages: readonly JournalMessage[], startedAt: number): TimelineEntry[] {
  const entries: TimelineEntry[] = [];
  let commands: TimelineEntry[] = [];
  /** The commands in front of the last record. */
  let countBefore = 0;
  let beforeAt = startedAt;
  for (const { at, in: input, log } of messages) {
    if (input !== undefined) {
      const entry = entryOf(input, at);
      if (entry !== undefined) entries.push(entry);
      if (input.t === "child") end(commands[input.n], at, input.ok, input.fault);
      continue;
    }
    if (log.retried !== undefined) {
      for (const dropped of commands.splice(countBefore)) entries.splice(entries.indexOf(dropped), 1);
      for (const command of commands) reopen(command);
    }
    countBefore = commands.length;
    // A wait has no fact of its own: the code that goes on behind it shows its end.
    if (log.did !== undefined || isFinal(log.state) || log.state === "continued") endWaits(commands, log.at);
    const settled = new Set(log.got?.map(([n]) => n));
    for (const [kind, name] of log.did ?? []) {
      // A command that ended with its record began in the turn before.
      const beganAt = settled.has(commands.length) ? beforeAt : log.at;
      const command: TimelineEntry = { kind, name, at: beganAt, failures: 0 };
      commands.push(command);
      entries.push(command);
    }
    for (const got of log.got ?? []) {
      const command = commands[got[0]];
      if (got[1] === "ok") end(command, log.at, got[2], undefined);
      else if (got[1] === "error") end(command, log.at, undefined, got[2]);
      else if (got[1] === "retry" && command !== undefined) command.failures += 1;
    }
    beforeAt = log.at;
    if (log.state === "continued") commands = [];
  }
  return entries;
}

/** The run was retried: a failure is one more attempt. */
function reopen(command: TimelineEntry): void {
  if (command.error === undefined) return;
  command.failures += 1;
  delete command.error;
  delete command.endedAt;
}

function endWaits(commands: readonly TimelineEntry[], at: number): void {
  for (const command of commands)
    if (command.kind === "wait" || command.kind === "sleep" || command.kind === "version")
      command.endedAt ??= at;
}

function end(
  command: TimelineEntry | undefined,
  at: number,
  value: unknown,
  error: WorkflowFault | undefined,
) {
  if (command === undefined) return;
  command.endedAt = at;
  if (value !== undefined) command.value = value;
  if (error !== undefined) command.error = error;
}

function entryOf(input: WorkflowInput, at: number): TimelineEntry | undefined {
  if (input.t === "start") return { kind: "start", name: "", at, failures: 0, value: input.input };
  if (input.t === "signal")
    return { kind: "signal", name: input.name, at, failures: 0, value: input.payload };
  if (input.t === "timer" || input.t === "child" || input.t === "sweep") return undefined;
  return { kind: input.t, name: "", at, failures: 0 };
}

/** Starts a workflow. False: there is one with its id, which goes on. Error: FUNCTION_NOT_FOUND, WORKFLOW_NOT_DECLARED. */
export async function startWorkflow(nats: Nats, name: WorkflowName, input: unknown): Promise<boolean> {
  await liveRevision(nats, name.workflow);
  const start: WorkflowInput = { t: "start", ...(input === undefined ? {} : { input }) };
  return new Journals(nats).send(readName(name), start, true);
}

export type WorkflowOrder =
  | { order: "cancel" | "pause" | "resume" | "retry" | "migrate" }
  | { order: "signal"; name: string; payload?: unknown };

/** Sends a signal or an order. `retry` is for failed workflows, too. Errors: WORKFLOW_NOT_FOUND, WORKFLOW_ENDED, WORKFLOW_ROLLED_BACK. */
export async function orderWorkflow(
  nats: Nats,
  name: WorkflowName,
  { order, ...facts }: WorkflowOrder,
  signalId: string = crypto.randomUUID(),
): Promise<void> {
  const journals = new Journals(nats);
  const last = await journals.last(readName(name));
  if (last === undefined) throw notFound(name);
  if (order === "retry" && last?.record.state === "failed") await refuseUndone(journals, name);
  else if (last !== null && isFinal(last.record.state))
    throw new NarunError("WORKFLOW_ENDED", { detail: `${name.workflow} ${name.id} is ${last.record.state}` });
  if (order === "signal" && "name" in facts)
    await journals.send(name, { t: "signal", id: signalId, ...facts });
  else if (order === "migrate")
    await journals.send(name, { t: order, id: signalId, revision: await liveRevision(nats, name.workflow) });
  else if (order !== "signal") await journals.send(name, { t: order, id: signalId });
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
): Promise<WorkflowRecord | undefined> {
  const journals = new Journals(nats);
  const last = waitMs > 0 ? await journals.end(readName(name), waitMs) : await journals.last(readName(name));
  if (last === undefined) throw notFound(name);
  return last?.record;
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
  const read = await (await openSpecs(nats)).get(workflow);
  const spec = read?.ok === true && read.value.kind === "function" ? read.value.spec : undefined;
  if (spec === undefined) throw new NarunError("FUNCTION_NOT_FOUND", { detail: workflow });
  if (spec.workflow === undefined) throw new NarunError("WORKFLOW_NOT_DECLARED", { detail: workflow });
  return spec.revision;
}

function readName(name: WorkflowName): WorkflowName {
  if (WORKFLOW_ID.test(name.id)) return name;
  throw new NarunError("WORKFLOW_ID_INVALID", { detail: JSON.stringify(name.id) });
}

function notFound({ workflow, id }: WorkflowName): NarunError {
  return new NarunError("WORKFLOW_NOT_FOUND", { detail: `${workflow} ${id}` });
}
