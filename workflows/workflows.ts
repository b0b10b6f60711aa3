/**
 * Runs the workflows that are due. Every node-runner has one; they share the consumer of the due messages.
 *
 * I1  A workflow runs at most once in this process: its further due messages join the run.
 * I2  The due messages of a run are acknowledged when the workflow waits or has ended, and no input came since (J4, J5 of
 *     contracts/workflow.ts).
 * I3  A due message that was delivered before is taken over only when no runner says that it runs the workflow.
 * I4  The end of a run acknowledges the due messages that it has seen. A message that joined it unseen, as behind an older message that
 *     came twice, has a run of its own.
 */
import {
  isFinal,
  type JournalMessage,
  messageOf,
  subjects,
  type WorkflowInput,
  type WorkflowOutcome,
} from "../contracts/index.ts";
import {
  type DueMessage,
  DueMessages,
  ensureJournals,
  JournalClock,
  Journals,
  type Nats,
  NoReplyError,
  toMessage,
  type WorkflowName,
} from "../nats/index.ts";
import type { Traces } from "../traces/index.ts";
import type { TriggerCalls, TriggerMetric } from "../triggers/index.ts";
import { Absent } from "./absent.ts";
import { callExecutor } from "./call-executor.ts";
import { followLostWakes } from "./lost-wakes.ts";
import { Pinned } from "./pinned.ts";
import { SWEEP, SWEEP_SECONDS, sweep } from "./sweep.ts";
import { tellParent } from "./tell-parent.ts";
import { WorkflowMetrics } from "./workflow-metrics.ts";
import { isTraced, recordSpans, traceFieldsOf } from "./workflow-trace.ts";

export interface WorkflowsOptions {
  /** Stays its owner's. */
  nats: Nats;
  calls: TriggerCalls;
  /** Takes the spans of workflows. Default: none are made. */
  traces?: Traces | undefined;
  log: Log;
  /** Upper bound of the workflows that run at a time. Default 1,000. */
  mostRunning?: number;
}

export interface Log {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface Workflows {
  /** Takes nothing new. Resolves when the runs have ended, or after `graceMs`: other runners take the rest over. */
  drain(options: { graceMs: number }): Promise<void>;
  close(): void;
  /** A function is a workflow now: its waiting runs go on. */
  onFunction(name: string): void;
  metrics(): TriggerMetric[];
}

const MOST_RUNNING = 1_000;
/** How long the other runners may take to say that they run a workflow. */
const ASK_MS = 250;
/** How long a message waits whose workflow another runner runs. */
const OTHERS_MS = 2_000;
/** How long a message waits whose function does not answer: the first time, and at most. */
const RETRY_MS = 200;
const MAX_RETRY_MS = 30_000;

/** Starts to run workflows. Errors: as ensureJournals. */
export async function startWorkflows(options: WorkflowsOptions): Promise<Workflows> {
  await ensureJournals(options.nats);
  await new Journals(options.nats).setRhythm(SWEEP, SWEEP_SECONDS, { t: "sweep" });
  return new Runs(options);
}

interface Run {
  readonly name: WorkflowName;
  /** In the order of their delivery. */
  readonly due: DueMessage[];
  readonly over: Promise<void>;
  /** Its executor was called. */
  isBegun: boolean;
}

class Runs implements Workflows {
  readonly #options: WorkflowsOptions;
  readonly #journals: Journals;
  readonly #clock: JournalClock;
  readonly #pinned: Pinned;
  readonly #absent: Absent;
  readonly #due: DueMessages;
  readonly #runs = new Map<string, Run>();
  readonly #closers: (() => void)[] = [];
  /** Failed calls in a row, by workflow. */
  readonly #failures = new Map<string, number>();
  readonly #metrics = new WorkflowMetrics();
  #isDraining = false;

  constructor(options: WorkflowsOptions) {
    const { nats, mostRunning = MOST_RUNNING } = options;
    this.#options = options;
    this.#journals = new Journals(nats);
    this.#clock = new JournalClock(nats);
    void this.#clock.now();
    this.#pinned = new Pinned(options);
    this.#absent = new Absent(options, this.#journals);
    const asked = nats.subscribe(subjects.workflowAsk, (message) => {
      if (this.#runs.get(message.text())?.isBegun === true) message.respond("");
    });
    this.#due = new DueMessages({ nats, most: mostRunning, take: (message) => this.#take(message) });
    this.#closers.push(
      () => asked.unsubscribe(),
      () => this.#due.close(),
      followLostWakes({ nats, journals: this.#journals, clock: this.#clock, log: options.log }),
    );
  }

  async drain({ graceMs }: { graceMs: number }): Promise<void> {
    this.#isDraining = true;
    this.#due.stop();
    const over = Promise.all([...this.#runs.values()].map((run) => run.over));
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, graceMs);
    await Promise.race([over, promise]);
    clearTimeout(timer);
    this.close();
  }

  close(): void {
    this.#isDraining = true;
    for (const close of this.#closers.splice(0)) close();
  }

  onFunction(name: string): void {
    this.#absent.wake(name).catch((error: unknown) => {
      this.#options.log.error({ workflow: name, error: messageOf(error) }, "workflows could not be woken");
    });
  }

  metrics(): TriggerMetric[] {
    let running = 0;
    for (const { isBegun } of this.#runs.values()) if (isBegun) running += 1;
    return this.#metrics.list(running);
  }

  #take(message: DueMessage): void {
    const key = keyOf(message);
    const under = this.#runs.get(key);
    if (under !== undefined) {
      under.due.push(message);
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const { workflow, id } = message;
    const run: Run = { name: { workflow, id }, due: [message], over: promise, isBegun: false };
    this.#runs.set(key, run);
    this.#run(run, message)
      .catch((error: unknown): RunEnd => {
        this.#options.log.error({ workflow, id, error: messageOf(error) }, "a workflow could not be run");
        return { end: "later" };
      })
      .then((end) => this.#settle(key, run, end))
      .finally(resolve);
  }

  #settle(key: string, { due }: Run, over: RunEnd): void {
    this.#runs.delete(key);
    if (over.end === "done") {
      this.#failures.delete(key);
      for (const message of due) {
        if (message.seq <= over.seen || message === over.first) message.ack();
        else this.#take(message);
      }
      return;
    }
    const failures = this.#failures.get(key) ?? 0;
    if (over.end === "later") this.#failures.set(key, failures + 1);
    const delayMs = over.end === "others" ? OTHERS_MS : Math.min(RETRY_MS * 2 ** failures, MAX_RETRY_MS);
    for (const message of due) message.giveBack(over.end === "now" ? 0 : delayMs);
  }

  async #run(run: Run, first: DueMessage): Promise<RunEnd> {
    if (run.name.workflow === SWEEP.workflow) {
      const nowMs = await this.#clock.now();
      await sweep({ ...this.#options, journals: this.#journals, pinned: this.#pinned, nowMs });
      return { end: "done", seen: first.seq };
    }
    const plan = await this.#plan(run.name, first);
    if (plan.kind === "end") return plan.end;
    let { messages, isTakeover } = plan;
    for (;;) {
      if (this.#isDraining) return { end: "now" };
      run.isBegun = true;
      const outcome = await this.#call(run.name, messages, isTakeover);
      if (outcome === undefined) return { end: "later" };
      await this.#trace(run.name, messages, isTakeover);
      const next = await this.#afterCall(run, outcome, messages);
      if (next !== "again") return next;
      messages = await this.#read(run.name);
      isTakeover = outcome.outcome === "lost";
    }
  }

  async #call(name: WorkflowName, messages: readonly JournalMessage[], isTakeover: boolean) {
    const parked = await this.#absent.park(name, messages);
    if (parked !== undefined) return parked;
    const code = await this.#pinned.codeFor(name.workflow, messages);
    const fields = traceFieldsOf(this.#options.traces, name, messages);
    const nowMs = await this.#clock.now();
    return callExecutor(this.#options.calls, name, { messages, isTakeover, code, fields, nowMs });
  }

  /** Makes the spans of a call of an executor. The workflow does not fail of it. */
  async #trace(name: WorkflowName, before: readonly JournalMessage[], isTakeover: boolean): Promise<void> {
    const { traces, log } = this.#options;
    if (traces === undefined || !isTraced(traces, name, before)) return;
    try {
      recordSpans(traces, name, { before, all: await this.#read(name), isTakeover });
    } catch (error) {
      log.warn({ ...name, error: messageOf(error) }, "the spans of a workflow were not made");
    }
  }

  /** The next step of a run after a call of its executor. */
  async #afterCall(
    run: Run,
    outcome: WorkflowOutcome | { outcome: "lost" },
    messages: readonly JournalMessage[],
  ): Promise<RunEnd | "again"> {
    if ("steps" in outcome) this.#metrics.onSteps(outcome.steps ?? 0);
    switch (outcome.outcome) {
      case "ended":
        this.#metrics.onEnd(outcome.record.state);
        await tellParent(this.#journals, run.name, messages, outcome.record);
        // A retry that was refused is behind the record, and seen all the same.
        return { end: "done", seen: Math.max(...messages.map(({ seq }) => seq)) };
      case "waiting": {
        const { input } = await this.#journals.lastOfBoth(run.name, outcome.seq ?? outcome.seen);
        const isBehind = input > outcome.seen || run.due.some(({ seq }) => seq > outcome.seen);
        return isBehind ? "again" : { end: "done", seen: outcome.seen };
      }
      case "yielded":
      case "lost":
        return "again";
      case "fenced":
        return { end: "others" };
    }
  }

  /** Whether a due message needs an executor, and the journal for it. */
  async #plan(name: WorkflowName, due: DueMessage): Promise<Plan> {
    const input = JSON.parse(due.text) as WorkflowInput;
    const { seq, at, isRedelivered } = due;
    if (input.t === "start" && !isRedelivered) {
      this.#metrics.onStart();
      return { kind: "run", messages: [{ seq, at, in: input }], isTakeover: false };
    }
    const done = { kind: "end", end: { end: "done", seen: 0, first: due } } as const;
    const { last } = await this.#journals.lastOfBoth(name, seq);
    const isRetried = input.t === "retry" && last?.record.state === "failed" && last.record.seen < seq;
    if (last !== undefined && isFinal(last.record.state) && !isRetried) {
      if (isRedelivered) await tellParent(this.#journals, name, await this.#read(name), last.record);
      return done;
    }
    const isSuspended = last !== undefined && (isRetried || SUSPENDED.has(last.record.state));
    if (isSuspended && last.record.seen >= seq) return done;
    // Another runner holds the due message of a workflow that runs: it sees this input, too. A wake comes where none does.
    const mayBeAbandoned = isRedelivered || (input.t === "timer" && !isSuspended);
    if (!isSuspended && !mayBeAbandoned) return done;
    if (mayBeAbandoned && (await this.#isRunElsewhere(name))) return { kind: "end", end: { end: "others" } };
    const { due: dueAt } = last?.record ?? {};
    if (input.t === "timer" && dueAt !== undefined)
      this.#metrics.onWake(((await this.#clock.now()) ?? Date.now()) - dueAt);
    return { kind: "run", messages: await this.#read(name), isTakeover: !isSuspended };
  }

  async #read(name: WorkflowName): Promise<JournalMessage[]> {
    const messages = (await this.#journals.read(name)).map(toMessage);
    const base = messages.findLast(({ log }) => log?.state === "continued");
    const first = messages.find(({ log }) => log !== undefined);
    if (base !== undefined && first !== undefined && first.seq < base.seq)
      await this.#journals.purge(name, base.seq);
    return messages;
  }

  /** Whether another runner runs a workflow. This one's own run has not begun. */
  async #isRunElsewhere(name: WorkflowName): Promise<boolean> {
    const { nats } = this.#options;
    const key = keyOf(name);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), ASK_MS);
    try {
      nats.request(subjects.workflowAsk, key, { timeoutMs: ASK_MS }).then(
        () => resolve(true),
        (error: unknown) => resolve(!(error instanceof NoReplyError)),
      );
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }
}

const SUSPENDED: ReadonlySet<string> = new Set(["waiting", "paused", "stuck"]);

/** `later`: the function does not answer. `now`: another runner. `others`: another runner runs it. */
type RunEnd =
  | { end: "later" | "now" | "others" }
  /** Acknowledge the messages up to `seen`, and `first`. */
  | { end: "done"; seen: number; first?: DueMessage };

type Plan = { kind: "end"; end: RunEnd } | { kind: "run"; messages: JournalMessage[]; isTakeover: boolean };

function keyOf({ workflow, id }: WorkflowName): string {
  return `${workflow}.${id}`;
}
