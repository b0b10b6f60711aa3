/** `ctx` of a workflow: each of its methods is a command, or reads a fact of the turn. */
import { type Duration, millisecondsOf } from "./duration.ts";
import { ContinueAsNew, type timedOut, UnknownQuery } from "./errors.ts";
import type { Journal } from "./journal.ts";
import { plainOf } from "./plain.ts";
import { uuidOf } from "./random.ts";
import { type RetryOptions, resolveRetry, type WorkflowState } from "./state.ts";

export interface StepOptions {
  /** Default: 5 attempts with growing pauses from one second. `retry: { max: 1 }` tries once. */
  retry?: RetryOptions;
  /** How long one attempt may take. Default: as long as the function's `limits.timeoutMs`. */
  timeout?: Duration;
}

/** The argument of a step's function. */
export interface StepInfo {
  /** The same at each attempt, and in no other step of any workflow: for effects that happen once. */
  readonly key: string;
  /** From 1. */
  readonly attempt: number;
  /** Aborts when the attempt is over by time, or the workflow is cancelled. */
  readonly signal: AbortSignal;
}

export type StepFunction<T> = (info: StepInfo) => T | Promise<T>;

export interface ChildOptions {
  /** Default: made of the parent's id. */
  id?: string;
}

/** A function that is called over a binding (`service: name`). */
interface Callable {
  fetch(url: string, init?: RequestInit): Promise<Response>;
}

export interface WorkflowContext<E = unknown> {
  readonly id: string;
  /** The function's name. */
  readonly workflow: string;
  readonly env: E;
  /** Whether the command that comes next is in the journal. */
  readonly isReplaying: boolean;
  /**
   * Does work, at least once, and keeps its result: after a restart the result is taken from the journal. Error: StepFailed, after
   * the last attempt.
   */
  step<T>(name: string, work: StepFunction<T>): Promise<T>;
  step<T>(name: string, options: StepOptions, work: StepFunction<T>): Promise<T>;
  /** Sleeps, without an instance. */
  sleep(duration: Duration): Promise<void>;
  sleepUntil(time: Date | number): Promise<void>;
  /** Waits for an event. Events that came before count, in their order. */
  waitFor<T>(event: string): Promise<T>;
  waitFor<T>(event: string, options: { timeout: Duration }): Promise<T | typeof timedOut>;
  /** Publishes a message, with an id by which JetStream drops a second one. The function's `publish` bindings name the subjects. */
  publish(subject: string, data: unknown): Promise<void>;
  /** Calls a function by its binding. Answers with a status from 500, and 429, are tried again. */
  call<T>(
    service: Callable,
    path: string,
    init?: { method?: string; json?: unknown; retry?: RetryOptions },
  ): Promise<T>;
  /** Runs another workflow, or this one, and waits for its result. */
  child<T>(workflow: string, input?: unknown, options?: ChildOptions): Promise<T>;
  /** Ends this run, and begins the next one with the input: the journal begins anew. */
  continueAsNew(input?: unknown): never;
  /** Registers work that undoes earlier steps. It runs, the newest first, when the workflow fails or is cancelled. */
  onRollback(name: string, work: StepFunction<unknown>): void;
  /** Answers `GET …/ID/queries/NAME` with a value of the code's. */
  query(name: string, read: () => unknown): void;
  /** The time of the turn, in epoch milliseconds. */
  now(): number;
  random(): number;
  uuid(): string;
  /** False for a workflow that passed this place before the call stood here. */
  version(name: string): boolean;
}

export interface Rollback {
  name: string;
  work: StepFunction<unknown>;
}

const { setTimeout: later, clearTimeout: stop } = globalThis;
const MAX_NAME_LENGTH = 200;

/** The context of one run. */
export class RunContext implements WorkflowContext {
  readonly id: string;
  readonly workflow: string;
  readonly env: unknown;
  readonly rollbacks: Rollback[] = [];
  readonly queries = new Map<string, () => unknown>();
  readonly #state: WorkflowState;
  readonly #journal: Journal;
  /** The workflows from the first one down to this one: `workflow/id`. */
  readonly #line: readonly string[];
  readonly #random: () => number;

  constructor(options: {
    id: string;
    env: unknown;
    state: WorkflowState;
    journal: Journal;
    above: readonly string[];
    random: () => number;
  }) {
    const { id, env, state, journal, above, random } = options;
    this.id = id;
    this.workflow = journal.workflow;
    this.env = env;
    this.#state = state;
    this.#journal = journal;
    this.#line = [...above, `${journal.workflow}/${id}`];
    this.#random = random;
  }

  get isReplaying(): boolean {
    return this.#state.isReplaying;
  }

  step<T>(name: string, second: StepOptions | StepFunction<T>, third?: StepFunction<T>): Promise<T> {
    const [options, work] = typeof second === "function" ? [{}, second] : [second, third];
    if (typeof work !== "function")
      throw new TypeError(`ctx.step(${JSON.stringify(name)}): the work is no function`);
    return this.#work("step", name, options, work) as Promise<T>;
  }

  /** A step, or a rollback. */
  undo({ name, work }: Rollback): Promise<unknown> {
    return this.#work("rollback", name, {}, work);
  }

  #work(
    kind: "step" | "rollback",
    name: string,
    options: StepOptions,
    work: StepFunction<unknown>,
  ): Promise<unknown> {
    const label = `${kind} ${JSON.stringify(requireName(name))}`;
    const timeoutMs = options.timeout === undefined ? undefined : millisecondsOf(options.timeout, label);
    const key = this.#key();
    return this.#state.issue(kind, name, {
      retry: resolveRetry(options.retry, label),
      effect: async (attempt, signal) => {
        const info = (of: () => AbortSignal): StepInfo => ({
          key,
          attempt,
          get signal() {
            return of();
          },
        });
        const value =
          timeoutMs === undefined
            ? await work(info(signal))
            : await withTimeout(timeoutMs, signal(), label, (inner) => work(info(() => inner)));
        return plainOf(value, `the result of ${label}`);
      },
    });
  }

  #key(): string {
    return `${this.workflow}/${this.id}/${this.#state.run}/${this.#state.commands.length}`;
  }

  sleep(duration: Duration): Promise<void> {
    return this.#sleepUntil(this.#state.at + millisecondsOf(duration, "ctx.sleep"));
  }

  sleepUntil(time: Date | number): Promise<void> {
    const until = Number(time);
    if (!Number.isFinite(until)) throw new TypeError("ctx.sleepUntil: no time");
    return this.#sleepUntil(until);
  }

  #sleepUntil(until: number): Promise<void> {
    return this.#state.issue("sleep", "", { until }) as Promise<void>;
  }

  waitFor<T>(event: string, options?: { timeout?: Duration }): Promise<T> {
    const { timeout } = options ?? {};
    const until =
      timeout === undefined ? {} : { until: this.#state.at + millisecondsOf(timeout, "ctx.waitFor") };
    return this.#state.issue("wait", requireName(event), until) as Promise<T>;
  }

  publish(subject: string, data: unknown): Promise<void> {
    const text =
      typeof data === "string" ? data : JSON.stringify(plainOf(data, `the message to ${subject}`) ?? null);
    const key = this.#key();
    return this.#state.issue("publish", requireName(subject), {
      retry: resolveRetry(undefined, "ctx.publish"),
      effect: () => this.#journal.publish(subject, text, key),
    }) as Promise<void>;
  }

  call<T>(
    service: Callable,
    path: string,
    init: { method?: string; json?: unknown; retry?: RetryOptions } = {},
  ): Promise<T> {
    const { json, method = json === undefined ? "GET" : "POST", retry } = init;
    const label = `call ${JSON.stringify(path)}`;
    const key = this.#key();
    return this.#state.issue("call", `${method} ${requireName(path)}`, {
      retry: resolveRetry(retry, label),
      effect: async (_attempt, signal) => {
        const headers: Record<string, string> = { "idempotency-key": key };
        if (json !== undefined) headers["content-type"] = "application/json";
        const body = json === undefined ? {} : { body: JSON.stringify(json) };
        const url = new URL(path, "http://service");
        const response = await service.fetch(url.href, { method, headers, signal: signal(), ...body });
        return plainOf(await resultOf(response, label), `the result of ${label}`);
      },
    }) as Promise<T>;
  }

  child<T>(workflow: string, input?: unknown, options: ChildOptions = {}): Promise<T> {
    const n = this.#state.commands.length;
    const { id = `${this.id}-${this.#state.run}-${n}` } = options;
    const plain = plainOf(input, `the input of ${workflow}`);
    const line = this.#line;
    const parent = { workflow: this.workflow, id: this.id, n, above: line.slice(0, -1) };
    return this.#state.issue("child", requireName(workflow), {
      retry: resolveRetry(undefined, "ctx.child"),
      effect: async () => {
        requireNoCycle(line, `${workflow}/${id}`);
        await this.#journal.start(workflow, id, { t: "start", input: plain, parent }, 0).catch(refuseTaken);
      },
    }) as Promise<T>;
  }

  continueAsNew(input?: unknown): never {
    throw new ContinueAsNew(plainOf(input, "the input of ctx.continueAsNew"));
  }

  onRollback(name: string, work: StepFunction<unknown>): void {
    this.rollbacks.push({ name: requireName(name), work });
  }

  query(name: string, read: () => unknown): void {
    this.queries.set(requireName(name), read);
  }

  /** The value of a query. Error: UnknownQuery. */
  ask(name: string): unknown {
    const read = this.queries.get(name);
    if (read === undefined) throw new UnknownQuery(name, [...this.queries.keys()]);
    return plainOf(read(), `the answer of the query ${name}`);
  }

  now(): number {
    return this.#state.at;
  }

  random(): number {
    return this.#random();
  }

  uuid(): string {
    return uuidOf(this.#random);
  }

  version(name: string): boolean {
    return this.#state.version(requireName(name));
  }
}

function requireName(name: unknown): string {
  if (typeof name === "string" && name !== "" && name.length <= MAX_NAME_LENGTH) return name;
  throw new TypeError(
    `a name is a text of 1 to ${MAX_NAME_LENGTH} characters, and not ${JSON.stringify(name)}`,
  );
}

/** Upper bound of the workflows from the first one down to a child. */
const MAX_DEPTH = 32;

/** A child among its own ancestors waits for itself, and one without end below itself never comes back. */
function requireNoCycle(line: readonly string[], child: string): void {
  const isAbove = line.includes(child);
  if (!isAbove && line.length < MAX_DEPTH) return;
  const why = isAbove ? `${child} is above itself` : `more than ${MAX_DEPTH} workflows are below each other`;
  const message = `WORKFLOW_CYCLE: ${why}: ${[...line.slice(-4), child].join(" > ")}`;
  throw Object.assign(new Error(message), { code: "WORKFLOW_CYCLE", retryable: false });
}

function refuseTaken(error: unknown): never {
  const isTaken = error instanceof Error && error.name === "WorkflowIdTaken";
  throw isTaken ? Object.assign(error, { code: "WORKFLOW_ID_TAKEN", retryable: false }) : error;
}

async function withTimeout(
  timeoutMs: number,
  signal: AbortSignal,
  label: string,
  work: (signal: AbortSignal) => unknown,
): Promise<unknown> {
  const controller = new AbortController();
  const over = new DOMException(`${label} was not done after ${timeoutMs} ms`, "TimeoutError");
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = later(() => {
    controller.abort(over);
    reject(over);
  }, timeoutMs);
  try {
    return await Promise.race([work(AbortSignal.any([signal, controller.signal])), promise]);
  } finally {
    stop(timer);
  }
}

async function resultOf(response: Response, label: string): Promise<unknown> {
  const text = await response.text();
  if (!response.ok) {
    const error = new Error(`${label} was answered with ${response.status}: ${text.slice(0, 500)}`);
    const isRetryable = response.status >= 500 || response.status === 429;
    throw isRetryable ? error : Object.assign(error, { retryable: false });
  }
  if (text === "") return undefined;
  const isJson = /\bjson\b/i.test(response.headers.get("content-type") ?? "");
  return isJson ? JSON.parse(text) : text;
}
