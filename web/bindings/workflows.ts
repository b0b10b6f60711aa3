import { bindMethods } from "./bind-methods.ts";
import { callBinding } from "./host-result.ts";
import { requireKnownOptions, requireNoMore, requireText } from "./options.ts";

interface Fault {
  name: string;
  message: string;
  code?: string;
}

interface Status {
  id: string;
  state: string;
  at: number | undefined;
  due: number | undefined;
  error: Fault | undefined;
}

interface LastRecord {
  state: string;
  at: number;
  due?: number;
  value?: unknown;
  fault?: Fault;
}

const DEFAULT_WAIT_MS = 30_000;

/** The object for the workflows of a function in `env` (functions/sdk: Workflows). */
export class Workflows {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
    bindMethods(this);
  }

  async start(
    id: string = crypto.randomUUID(),
    input: unknown = undefined,
    ...more: unknown[]
  ): Promise<{ id: string; isNew: boolean }> {
    requireText("WORKFLOWS.start", "id", id);
    requireNoMore("WORKFLOWS.start", "(id, input)", more);
    const text = JSON.stringify(input === undefined ? { t: "start" } : { t: "start", input });
    return { id, isNew: (await callBinding("workflows.start", this.#name, id, text)) === true };
  }

  async signal(
    id: string,
    name: string,
    payload: unknown = undefined,
    options: { signalId?: string } = {},
    ...more: unknown[]
  ): Promise<void> {
    requireText("WORKFLOWS.signal", "id", id);
    requireText("WORKFLOWS.signal", "name", name);
    requireKnownOptions("WORKFLOWS.signal", options, ["signalId"]);
    requireNoMore("WORKFLOWS.signal", "(id, name, payload, options)", more);
    const { signalId = crypto.randomUUID() } = options;
    await this.#send(id, { t: "signal", id: signalId, name, ...(payload === undefined ? {} : { payload }) });
  }

  cancel(id: string): Promise<void> {
    return this.#send(id, { t: "cancel", id: crypto.randomUUID() });
  }

  pause(id: string): Promise<void> {
    return this.#send(id, { t: "pause", id: crypto.randomUUID() });
  }

  resume(id: string): Promise<void> {
    return this.#send(id, { t: "resume", id: crypto.randomUUID() });
  }

  async status(id: string, ...more: unknown[]): Promise<Status | undefined> {
    requireText("WORKFLOWS.status", "id", id);
    requireNoMore("WORKFLOWS.status", "(id)", more);
    const record = await this.#last(id, 0);
    if (record === undefined) return undefined;
    if (record === null) return { id, state: "running", at: undefined, due: undefined, error: undefined };
    const { state, at, due, fault } = record;
    const error = fault && {
      name: fault.name,
      message: fault.message,
      ...(fault.code && { code: fault.code }),
    };
    return { id, state, at, due, error };
  }

  async result(id: string, options: { waitMs?: number } = {}, ...more: unknown[]): Promise<unknown> {
    requireText("WORKFLOWS.result", "id", id);
    requireKnownOptions("WORKFLOWS.result", options, ["waitMs"]);
    requireNoMore("WORKFLOWS.result", "(id, options)", more);
    const record = await this.#last(id, options.waitMs ?? DEFAULT_WAIT_MS);
    if (record === undefined) throw named("WorkflowNotFound", `there is no workflow ${id}`);
    const state = record?.state ?? "running";
    if (state === "done") return record?.value;
    if (state === "failed") throw named("WorkflowFailed", record?.fault?.message ?? "it failed");
    if (state === "cancelled") throw named("WorkflowCancelled", `the workflow ${id} was cancelled`);
    throw named("WorkflowRunning", `the workflow ${id} is ${state}`);
  }

  async #last(id: string, waitMs: number): Promise<LastRecord | null | undefined> {
    const text = await callBinding("workflows.last", this.#name, id, waitMs);
    return text === undefined ? undefined : JSON.parse(text as string);
  }

  async #send(id: string, input: object): Promise<void> {
    await callBinding("workflows.send", this.#name, id, JSON.stringify(input));
  }

  get [Symbol.toStringTag](): string {
    return "Workflows";
  }
}

function named(name: string, message: string): Error {
  return Object.defineProperty(new Error(message), "name", {
    value: name,
    configurable: true,
    writable: true,
  });
}
