/** The host's side of durable workflows, for the code of `workflow(…)` (functions/sdk/workflow/journal.ts has its interface). */
import { drained, isAlone } from "../start/drained.ts";
import { callBinding } from "./host-result.ts";

export interface JournalPlan {
  workflow: string;
  /** The paths of its routes, without `/*`. */
  paths: readonly string[];
  /** Its values are sealed. */
  isSealed: boolean;
}

const { now } = Date;

/** How long a difference of the clocks is believed. A jump that is longer, or goes back, ends it. */
const CLOCK_COUNTS_MS = 10_000;

export class Journal {
  readonly workflow: string;
  readonly paths: readonly string[];
  readonly isSealed: boolean;
  readonly isAlone: boolean = isAlone;
  /** NATS' clock less this machine's, as the host told it, and when. */
  #clock: { offset: unknown; at: number } | undefined;

  constructor({ workflow, paths, isSealed }: JournalPlan) {
    this.isSealed = isSealed;
    this.workflow = workflow;
    this.paths = paths;
  }

  /** The difference of the clocks of a moment ago is told at once: an answer of the host takes as long as a step. */
  async run(id: string): Promise<unknown> {
    const telling = this.#tell(id);
    const { at = Number.NaN, offset } = this.#clock ?? {};
    const age = now() - at;
    if (!(age >= 0 && age < CLOCK_COUNTS_MS)) return telling;
    telling.catch(() => undefined);
    return offset;
  }

  async #tell(id: string): Promise<unknown> {
    const offset = await callBinding("workflow.run", id);
    this.#clock = { offset, at: now() };
    return offset;
  }

  append(id: string, record: { state: string; due?: number }, after: number): Promise<unknown> {
    const { due, state } = record;
    return callBinding("workflow.append", id, JSON.stringify(record), textOf(after), textOf(due), state);
  }

  async start(workflow: string, id: string, input: unknown, waitMs: number): Promise<unknown> {
    const [isNew, record] = (await callBinding(
      "workflow.start",
      workflow,
      id,
      JSON.stringify(input),
      textOf(waitMs),
    )) as [boolean, string | undefined];
    return { isNew, record: record === undefined ? undefined : JSON.parse(record) };
  }

  async send(workflow: string, id: string, input: unknown): Promise<void> {
    await callBinding("workflow.send", workflow, id, JSON.stringify(input));
  }

  async last(id: string, waitMs: number): Promise<unknown> {
    const record = (await callBinding("workflow.last", id, waitMs)) as string | undefined;
    return record === undefined ? undefined : JSON.parse(record);
  }

  async open(id: string, messages: readonly unknown[]): Promise<unknown> {
    return JSON.parse((await callBinding("workflow.open", id, JSON.stringify(messages))) as string);
  }

  async seal(id: string, record: unknown): Promise<unknown> {
    return JSON.parse((await callBinding("workflow.seal", id, JSON.stringify(record))) as string);
  }

  async load(id: string): Promise<unknown> {
    return JSON.parse((await callBinding("workflow.load", id)) as string);
  }

  async moreInputs(id: string, seen: number, waitMs: number): Promise<unknown> {
    return JSON.parse((await callBinding("workflow.inputs", id, seen, waitMs)) as string);
  }

  async publish(subject: string, data: string, messageId: string): Promise<void> {
    await callBinding("workflow.publish", subject, data, messageId);
  }

  drained(callback: () => void): void {
    drained(callback);
  }
}

/** Calls whose values are texts leave together (web/host/joined-calls.ts). */
function textOf(value: number | undefined): string | undefined {
  return value === undefined ? undefined : `${value}`;
}
