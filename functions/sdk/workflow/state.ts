/**
 * The state of one run of a workflow: its commands and their results. No I/O and no clock: it takes the turns of the journal
 * (contracts/workflow.ts, J2), then new ones.
 *
 * S1  Commands are numbered in the order of their calls. The n-th command of the code is the n-th of the journal, or the code
 *     has diverged.
 * S2  A command is settled once. A fact of a settled command is ignored.
 * S3  Within a turn nothing of the code runs until all of the turn was taken: promises are settled in the turn's order.
 */

import { millisecondsOf } from "./duration.ts";
import { Diverged, StepFailed, timedOut, WorkflowCancelled } from "./errors.ts";
import type { CommandKind, Did, Got, WorkflowFault, WorkflowInput } from "./messages.ts";

/** Work that a command stands for. It begins when the command is in the journal, or follows from it. */
export type Effect = (attempt: number, signal: () => AbortSignal) => Promise<unknown>;

/** How often and when an effect is tried again. */
export interface Retry {
  max: number;
  backoff: "exponential" | "linear" | "constant";
  delayMs: number;
  maxDelayMs: number;
}

/**
 * `asked`: its effect, if it has one, may begin. `running`: it has begun here. `delayed`: it begins again at `wakeAt`. `open`: it has
 * no effect, or its effect is done: it waits for time or an input.
 */
export type Phase = "asked" | "running" | "delayed" | "open" | "settled";

export interface Command {
  readonly n: number;
  readonly kind: CommandKind;
  readonly name: string;
  readonly effect: Effect | undefined;
  readonly retry: Retry | undefined;
  phase: Phase;
  /** Attempts that have failed. */
  failures: number;
  /** When time settles it, or lets it begin again. */
  wakeAt: number | undefined;
  /** Aborts the effect that runs. */
  abort: AbortController | undefined;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

export interface IssueOptions {
  effect?: Effect;
  retry?: Retry;
  /** Settles the command by time. */
  until?: number;
}

export class WorkflowState {
  readonly commands: Command[] = [];
  /** The commands of the journal, by number. */
  readonly expected: Did[];
  /** The commands that are not settled. */
  readonly open = new Set<Command>();
  /** Commands since the last record. */
  did: Did[] = [];
  /** The time of the turn. */
  at: number;
  isCancelled = false;
  isPaused = false;
  /** The code runs its rollbacks: a cancel does not end them. */
  isRollingBack = false;
  diverged: Diverged | undefined;
  /** The number of the run: an id may have several, one after the other. */
  readonly run: number;
  readonly #events = new Map<string, unknown[]>();
  readonly #known = new Set<string>();
  readonly #onIssue: () => void;

  constructor({ at, run, expected, onIssue }: { at: number; run: number; expected: Did[]; onIssue(): void }) {
    this.at = at;
    this.run = run;
    this.expected = expected;
    this.#onIssue = onIssue;
  }

  /** Whether the next command is one of the journal's. */
  get isReplaying(): boolean {
    return this.commands.length < this.expected.length;
  }

  /** A command of the code. */
  issue(kind: CommandKind, name: string, { effect, retry, until }: IssueOptions = {}): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    // The code may never look at it.
    promise.catch(() => undefined);
    if (this.diverged !== undefined) return promise;
    const n = this.commands.length;
    const expected = this.expected[n];
    if (expected !== undefined && (expected[0] !== kind || expected[1] !== name)) {
      this.#diverge(n, describe(expected), describe([kind, name]));
      return promise;
    }
    const phase = effect === undefined ? "open" : "asked";
    const command: Command = {
      ...{ n, kind, name, effect, retry, phase, resolve, reject },
      failures: 0,
      wakeAt: until,
      abort: undefined,
    };
    this.commands.push(command);
    this.open.add(command);
    this.did.push([kind, name]);
    if (this.isCancelled && !this.isRollingBack) this.#settle(command, undefined, new WorkflowCancelled());
    else if (kind === "wait") this.#takeEvent(command);
    this.#onIssue();
    return promise;
  }

  /** A mark of the code's version: true where the journal has it, or is not written yet. */
  version(name: string): boolean {
    const expected = this.expected[this.commands.length];
    if (expected !== undefined && (expected[0] !== "version" || expected[1] !== name)) return false;
    void this.issue("version", name);
    const command = this.commands.at(-1);
    if (command !== undefined) this.#settle(command, true);
    return true;
  }

  /** The journal has commands up to `count`, and the code waits: it issued fewer, or more. */
  checkCount(count: number): void {
    if (this.diverged !== undefined || this.commands.length === count) return;
    const n = Math.min(count, this.commands.length);
    const expected = this.expected[n];
    const found = this.commands[n];
    if (this.commands.length < count) this.#diverge(n, expected && describe(expected), undefined);
    else this.#diverge(n, undefined, found && describe([found.kind, found.name]));
  }

  takeInput(input: WorkflowInput): void {
    if (input.t === "child") this.#takeChild(input);
    else if ("id" in input && this.#isNew(input.id)) {
      if (input.t === "signal") this.takeEvent(input.name, input.payload);
      else if (input.t === "cancel") this.#cancel();
      else if (input.t === "pause" || input.t === "resume") this.isPaused = input.t === "pause";
    }
  }

  takeEvent(name: string, payload: unknown): void {
    const waiting = [...this.open].find((command) => command.kind === "wait" && command.name === name);
    if (waiting === undefined) this.#events.set(name, [...(this.#events.get(name) ?? []), payload]);
    else this.#settle(waiting, payload);
  }

  /** The events that no wait has taken. */
  untaken(): { name: string; payload?: unknown }[] {
    return [...this.#events].flatMap(([name, payloads]) => payloads.map((payload) => ({ name, payload })));
  }

  /** A retried run tries each open command as often as a new one. */
  forgetFailures(): void {
    for (const command of this.open) command.failures = 0;
  }

  takeTime(at: number): void {
    this.at = at;
    const due = [...this.open].filter(({ wakeAt }) => wakeAt !== undefined && wakeAt <= at);
    due.sort((a, b) => (a.wakeAt ?? 0) - (b.wakeAt ?? 0) || a.n - b.n);
    for (const command of due) {
      if (command.phase === "delayed") {
        command.phase = "asked";
        command.wakeAt = undefined;
      } else if (command.phase === "open")
        this.#settle(command, command.kind === "wait" ? timedOut : undefined);
    }
  }

  /** Takes a fact. False: its command is settled already. */
  takeGot(got: Got): boolean {
    const [n, what] = got;
    const command = this.commands[n];
    if (command === undefined) {
      this.checkCount(Math.max(n + 1, this.commands.length));
      return false;
    }
    if (command.phase === "settled") return false;
    if (what === "ok") this.#settle(command, got[2]);
    else if (what === "error") this.#settle(command, undefined, failed(command, got[2]));
    else if (what === "begun") command.phase = "open";
    else {
      command.failures += 1;
      command.phase = "delayed";
      command.wakeAt = got[3];
    }
    return true;
  }

  /** When time changes something next. */
  get due(): number | undefined {
    let due: number | undefined;
    for (const { wakeAt } of this.open)
      if (wakeAt !== undefined && (due === undefined || wakeAt < due)) due = wakeAt;
    return due;
  }

  /** The fact of an effect that failed. */
  failureOf({ n, retry, failures }: Command, fault: WorkflowFault, isFinal: boolean, now: number): Got {
    if (isFinal || retry === undefined || failures + 1 >= retry.max) return [n, "error", fault];
    return [n, "retry", fault, now + delayOf(retry, failures)];
  }

  #isNew(id: string): boolean {
    if (this.#known.has(id)) return false;
    this.#known.add(id);
    return true;
  }

  #takeEvent(command: Command): void {
    const waiting = this.#events.get(command.name);
    if (waiting === undefined) return;
    const [payload, ...rest] = waiting;
    if (rest.length === 0) this.#events.delete(command.name);
    else this.#events.set(command.name, rest);
    this.#settle(command, payload);
  }

  #takeChild({ n, child, ok, fault }: Extract<WorkflowInput, { t: "child" }>): void {
    const command = this.commands[n];
    if (command?.kind !== "child") {
      this.#diverge(n, `a child (${child})`, command && describe([command.kind, command.name]));
      return;
    }
    this.#settle(command, ok, fault && failed(command, fault));
  }

  #cancel(): void {
    if (this.isCancelled) return;
    this.isCancelled = true;
    if (this.isRollingBack) return;
    for (const command of [...this.open]) this.#settle(command, undefined, new WorkflowCancelled());
  }

  #settle(command: Command, value: unknown, error?: unknown): void {
    if (command.phase === "settled") return;
    command.phase = "settled";
    command.wakeAt = undefined;
    this.open.delete(command);
    command.abort?.abort(error);
    if (error === undefined) command.resolve(value);
    else command.reject(error);
  }

  #diverge(n: number, expected: string | undefined, found: string | undefined): void {
    this.diverged ??= new Diverged(
      `WORKFLOW_DIVERGED: as command ${n + 1} the journal has ${expected ?? "nothing"}, and the code did ${found ?? "nothing"}. A workflow that has begun needs the commands that it had: give new ones a place behind \`ctx.version(name)\`, or run it with the revision that it began with`,
    );
    this.#onIssue();
  }
}

function describe([kind, name]: Did): string {
  return `${kind} ${JSON.stringify(name)}`;
}

function failed({ kind, name }: Command, fault: WorkflowFault): Error {
  return new StepFailed(describe([kind, name]), fault);
}

function delayOf({ backoff, delayMs, maxDelayMs }: Retry, failures: number): number {
  const factor = backoff === "exponential" ? 2 ** failures : backoff === "linear" ? failures + 1 : 1;
  return Math.min(delayMs * factor, maxDelayMs);
}

/** How a step is retried, by its author. */
export interface RetryOptions {
  /** Attempts in all. Default 5. */
  max?: number;
  /** How the pauses grow. Default `exponential`. */
  backoff?: "exponential" | "linear" | "constant";
  /** The first pause. Default 1 second. */
  delay?: number | string;
  /** The longest pause. Default 1 hour. */
  maxDelay?: number | string;
}

export function resolveRetry(options: RetryOptions | undefined, label: string): Retry {
  const { max = 5, backoff = "exponential", delay = "1 second", maxDelay = "1 hour" } = options ?? {};
  if (!Number.isInteger(max) || max < 1) throw new TypeError(`${label}: retry.max is a whole number from 1`);
  return {
    max,
    backoff,
    delayMs: millisecondsOf(delay, `${label}: retry.delay`),
    maxDelayMs: millisecondsOf(maxDelay, `${label}: retry.maxDelay`),
  };
}
