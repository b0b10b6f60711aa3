/**
 * Runs a workflow's code against its journal: first the turns that the journal has, then new ones, each of which is appended.
 *
 * E1  A turn is whole: inputs, time, facts, then the code until it waits. Nothing else of the turn comes later.
 * E2  An effect begins when every turn that the code has seen is in the journal, except the first one (J3).
 * E3  A refused append ends the executor: it begins nothing more, and its later results are not in the journal.
 * E4  An executor that ends with `waiting` has no effect under way. Its code is dropped; the next one replays it.
 * E5  An executor that goes on with a workflow appends before its first effect: so of two only one has effects.
 * E6  Nothing is appended behind the end: where the answer of the executor that ended the workflow was lost, the next one says it.
 */

import { type Diverged, faultOf, isRetryable } from "./errors.ts";
import type {
  Did,
  Got,
  JournalMessage,
  WorkflowState as StateName,
  WorkflowInput,
  WorkflowOutcome,
  WorkflowRecord,
} from "./messages.ts";
import { endOf, type NumberedRecord, pendingRetryOf, standingRecords } from "./retried.ts";
import { type Command, WorkflowState } from "./state.ts";

/** The outside of an executor. */
export interface ExecutorPort {
  /**
   * Appends a record behind the record `after` (0: it is the first); returns its sequence. Undefined: another record is there.
   * `due`: the timer that is set with it.
   */
  append(record: WorkflowRecord, after: number): Promise<number | undefined>;
  /** Runs code until it waits: `drained` resolves when all of its microtasks are done. `at`: the time that it sees. */
  turn(at: number, begin: () => void, random: () => number): Promise<void>;
  now(): number;
  /** Inputs behind a sequence, as soon as there are some; none after a while. Default: they are seen when the workflow waits. */
  moreInputs?(seen: number): Promise<JournalMessage[]>;
}

/** How the code ended. */
type End =
  | { state: "done" | "continued"; value: unknown }
  | { state: "failed" | "cancelled"; error: unknown };

export interface ExecutorOptions {
  messages: readonly JournalMessage[];
  /** An executor before this one may still run: the journal is claimed first. */
  isTakeover: boolean;
  /** The revision of the code. */
  revision?: string | undefined;
  port: ExecutorPort;
  /** Starts the code with an input; resolves when it has ended, rollbacks included. Commands go to the state. */
  start(state: WorkflowState, input: unknown): Promise<End>;
  random(run: number): () => number;
  /** Aborts when the executor should give up at the next good place. */
  signal: AbortSignal;
  /** Upper bound of the records of a run. Default 10,000. */
  maxRecords?: number;
}

/** How long code may wait for something that is none of its commands. */
const FOREIGN_WAIT_MS = 10_000;
const SHORT_WAIT_MS = 1_000;
/** How long an executor runs before it gives up at a good place: its request has a deadline. */
const YIELD_MS = 10_000;
/** Upper bound of the turns of one executor, for the CPU time of its request. */
const YIELD_TURNS = 500;
const MAX_RECORDS = 10_000;
/** How long effects run before the executor looks for inputs meanwhile. */
const LOOK_MS = 250;

const { setTimeout: later, clearTimeout: stop } = globalThis;

export class Executor {
  readonly state: WorkflowState;
  readonly #options: ExecutorOptions;
  readonly #records: NumberedRecord[];
  /** The failed record whose place the next one takes. */
  #retried: number | undefined;
  readonly #inputs: { seq: number; at: number; in: WorkflowInput }[];
  readonly #base: number;
  /** The record that this executor saw last. */
  #last: number;
  #seen: number;
  #end: End | undefined;
  #got: Got[] = [];
  readonly #arrived: Got[];
  #turns = 0;
  #wake: () => void = () => undefined;
  #looking: ReturnType<typeof later> | undefined;
  #isOver = false;
  #isFirst = true;
  readonly #startedAtMs = performance.now();
  readonly #random: () => number;

  constructor(options: ExecutorOptions) {
    this.#options = options;
    const { messages } = options;
    const continued = messages.findLast(({ log }) => log?.state === "continued");
    const start = continued ?? messages.find((message) => message.in?.t === "start");
    if (start === undefined) throw new Error("a journal without its start");
    this.#base = continued?.seq ?? 0;
    const records = standingRecords(
      messages.flatMap(({ seq, log }) => (log !== undefined && seq > this.#base ? [{ seq, log }] : [])),
    );
    const retry = pendingRetryOf(records, messages);
    this.#records = retry?.records ?? records;
    this.#retried = retry?.failed;
    this.#arrived = retry?.got ?? [];
    this.#seen = continued?.log?.seen ?? start.seq;
    this.#inputs = messages.flatMap((one) =>
      one.in !== undefined && one.seq > this.#seen ? [{ ...one, in: one.in }] : [],
    );
    this.#last = messages.findLast(({ log }) => log !== undefined)?.seq ?? 0;
    const expected: Did[] = this.#records.flatMap(({ log }) => log.did ?? []);
    const at = continued?.log?.at ?? start.at;
    this.state = new WorkflowState({ at, run: this.#base, expected, onIssue: () => this.#wake() });
    this.#random = options.random(this.#base || start.seq);
    for (const { name, payload } of continued?.log?.kept ?? []) this.state.takeEvent(name, payload);
    this.#input = start.in?.t === "start" ? start.in.input : start.log?.value;
  }

  readonly #input: unknown;

  async run(): Promise<WorkflowOutcome> {
    try {
      return await this.#run();
    } finally {
      this.#isOver = true;
      if (this.#looking !== undefined) stop(this.#looking);
    }
  }

  async #run(): Promise<WorkflowOutcome> {
    const ended = this.#retried === undefined ? endOf(this.#options.messages) : undefined;
    if (ended !== undefined) return { outcome: "ended", record: ended };
    const diverged = await this.replay();
    if (diverged !== undefined) return this.#stick(diverged);
    const { length } = this.#records;
    const isFirst = length === 0 && this.#base === 0;
    const hasInputs = this.#inputs.length > 0;
    const isResumed = !isFirst || this.#options.isTakeover || hasInputs;
    if (isResumed) await this.#turn();
    return this.#goOn(isResumed);
  }

  /** The turns of the journal. Nothing is appended, and no effect begins. */
  async replay(): Promise<Diverged | undefined> {
    const { state } = this;
    await this.#enter(state.at, () => {
      void this.#options.start(state, this.#input).then((end) => {
        this.#end = end;
        this.#wake();
      });
    });
    let count = 0;
    for (const { log } of this.#records) {
      if (log.mark !== true) {
        this.#seen = Math.max(this.#seen, log.seen);
        await this.#enter(log.at, () => {
          this.#takeInputs(log.seen, log.retried);
          state.takeTime(log.at);
          for (const got of log.got ?? []) state.takeGot(got);
        });
      }
      count += log.did?.length ?? 0;
      await this.#untilIssued(count);
      if (log.mark !== true) state.checkCount(count);
      if (state.diverged !== undefined) return state.diverged;
    }
    state.did = state.did.slice(count);
    return undefined;
  }

  async #goOn(mustAppend: boolean): Promise<WorkflowOutcome> {
    const { state } = this;
    for (let isDue = mustAppend; ; isDue = false) {
      await this.#untilUseful();
      if (state.diverged !== undefined) return this.#stick(state.diverged);
      this.#boundJournal();
      const name = this.#stateName();
      if (isDue || this.#got.length > 0 || name !== "running" || this.#turns > 0) {
        const record = this.#record(name);
        const seq = await this.#options.port.append(record, this.#last);
        if (seq === undefined) return { outcome: "fenced" };
        this.#last = seq;
        if (name === "continued") return { outcome: "yielded" };
        if (name !== "running" && name !== "waiting" && name !== "paused")
          return { outcome: "ended", record };
        if (name !== "running") return { outcome: "waiting", seen: this.#seen, seq };
      }
      if (this.#mayYield()) return { outcome: "yielded" };
      this.#beginEffects();
      await this.#untilSomething();
      await this.#turn();
    }
  }

  /** A new turn: all that has come. */
  async #turn(): Promise<void> {
    this.#turns += 1;
    const at = Math.max(this.#options.port.now(), this.state.at, ...this.#inputs.map((one) => one.at));
    const arrived = this.#arrived.splice(0);
    await this.#enter(at, () => {
      this.#takeInputs(Number.POSITIVE_INFINITY, this.#retried);
      this.state.takeTime(at);
      this.#got = arrived.filter((got) => this.state.takeGot(got));
    });
  }

  /** `retried`: failures up to this sequence are forgotten. */
  #takeInputs(upTo: number, retried?: number): void {
    if (retried !== undefined) this.state.forgetFailures();
    while (this.#inputs[0] !== undefined && this.#inputs[0].seq <= upTo) {
      const [next] = this.#inputs.splice(0, 1);
      if (next === undefined) return;
      this.#seen = Math.max(this.#seen, next.seq);
      const isForgotten = next.in.t === "child" && next.in.fault !== undefined && next.seq < (retried ?? 0);
      if (!isForgotten) this.state.takeInput(next.in);
    }
  }

  #enter(at: number, begin: () => void): Promise<void> {
    return this.#options.port.turn(at, begin, this.#random);
  }

  #stateName(): StateName {
    if (this.#end !== undefined) return this.#end.state;
    const phases = [...this.state.open].map(({ phase }) => phase);
    if (phases.includes("running")) return "running";
    if (this.state.isPaused) return "paused";
    return phases.includes("asked") ? "running" : "waiting";
  }

  #record(state: StateName): WorkflowRecord {
    const { did, at, due } = this.state;
    const got = this.#got;
    this.state.did = [];
    this.#got = [];
    const retried = this.#retried;
    this.#retried = undefined;
    const end = this.#end;
    return {
      ...{ at, seen: this.#seen, state },
      ...(did.length > 0 ? { did } : {}),
      ...(got.length > 0 ? { got } : {}),
      ...(this.#base > 0 ? { base: this.#base } : {}),
      ...(retried === undefined ? {} : { retried }),
      ...this.#revisionFor(state),
      ...(state === "waiting" && due !== undefined ? { due } : {}),
      ...(end !== undefined && "value" in end && end.value !== undefined ? { value: end.value } : {}),
      ...(end !== undefined && "error" in end ? { fault: faultOf(end.error) } : {}),
      ...(state === "continued" ? { kept: this.state.untaken() } : {}),
    };
  }

  /** The first record of a run has the revision, and so has every waiting one. */
  #revisionFor(state: StateName): { rev?: string } {
    const { revision } = this.#options;
    const hasOne = this.#records.some(({ log }) => log.mark !== true);
    const isNeeded = state === "waiting" || state === "paused" || (!hasOne && this.#isFirst);
    this.#isFirst = false;
    return revision !== undefined && isNeeded ? { rev: revision } : {};
  }

  /** A replay reads all records: a run that has too many of them fails. */
  #boundJournal(): void {
    const { maxRecords = MAX_RECORDS } = this.#options;
    if (this.#end !== undefined || this.#records.length + this.#turns < maxRecords) return;
    const text = `WORKFLOW_JOURNAL_FULL: the run has ${maxRecords} records; end it by ctx.continueAsNew(input) now and then: the next one begins with an empty journal`;
    this.#end = {
      state: "failed",
      error: Object.assign(new Error(text), { code: "WORKFLOW_JOURNAL_FULL" }),
    };
  }

  /** The workflow cannot go on with this code: it says so, and waits for `retry`. */
  async #stick(error: Error): Promise<WorkflowOutcome> {
    const { at } = this.state;
    const base = this.#base > 0 ? { base: this.#base } : {};
    const seen = Math.max(this.#seen, ...this.#inputs.map(({ seq }) => seq));
    // A migration to code that does not fit changes nothing.
    const rev = this.#records.findLast(({ log }) => log.rev !== undefined)?.log.rev ?? this.#options.revision;
    const record: WorkflowRecord = {
      ...{ at, seen, state: "stuck", fault: faultOf(error), mark: true },
      ...base,
      ...(rev === undefined ? {} : { rev }),
    };
    const seq = await this.#options.port.append(record, this.#last);
    return seq === undefined ? { outcome: "fenced" } : { outcome: "waiting", seen, seq };
  }

  #mayYield(): boolean {
    if (this.#options.signal.aborted) return this.#isIdle();
    const isLong = performance.now() - this.#startedAtMs > YIELD_MS || this.#turns > YIELD_TURNS;
    return isLong && this.#isIdle();
  }

  /** No effect is under way. */
  #isIdle(): boolean {
    for (const { phase } of this.state.open) if (phase === "running") return false;
    return true;
  }

  #beginEffects(): void {
    if (this.state.isPaused) return;
    for (const command of this.state.open) if (command.phase === "asked") this.#begin(command);
  }

  #begin(command: Command): void {
    const { effect, n, failures } = command;
    if (effect === undefined) return;
    command.phase = "running";
    const arrive = (got: Got) => {
      this.#arrived.push(got);
      this.#wake();
    };
    const running = (async () => effect(failures + 1, () => signalOf(command)))();
    running.then(
      (value) =>
        arrive(command.kind === "child" ? [n, "begun"] : value === undefined ? [n, "ok"] : [n, "ok", value]),
      (error: unknown) =>
        arrive(this.state.failureOf(command, faultOf(error), !isRetryable(error), this.#options.port.now())),
    );
  }

  /** Resolves at the next fact, input, command or end. */
  #untilSomething(): Promise<boolean> {
    const count = this.state.commands.length;
    const isThere = () =>
      this.#arrived.length > 0 ||
      this.#inputs.length > 0 ||
      this.#end !== undefined ||
      this.state.commands.length > count;
    this.#looking ??= later(() => void this.#look().catch(() => undefined), LOOK_MS);
    return this.#until(isThere);
  }

  /** Asks for inputs, for as long as the executor runs: most end before the first question. */
  async #look(): Promise<void> {
    const { moreInputs } = this.#options.port;
    while (moreInputs !== undefined && !this.#isOver) {
      for (const one of await moreInputs(this.#seen)) {
        const isKnown = one.seq <= this.#seen || this.#inputs.some(({ seq }) => seq === one.seq);
        if (one.in !== undefined && !isKnown) this.#inputs.push({ ...one, in: one.in });
      }
      if (this.#inputs.length > 0) {
        this.#wake();
        await new Promise((resolve) => later(resolve, LOOK_MS));
      }
    }
  }

  /** The code may wait for something that is none of its commands, and nothing else can happen meanwhile. */
  async #untilUseful(): Promise<void> {
    const isUseful = () =>
      this.#end !== undefined || this.state.open.size > 0 || this.state.diverged !== undefined;
    if (isUseful()) return;
    const isThere = await this.#until(isUseful, FOREIGN_WAIT_MS);
    if (!isThere) throw new Error(FOREIGN);
  }

  async #untilIssued(count: number): Promise<void> {
    const isThere = () =>
      this.state.commands.length >= count || this.#end !== undefined || this.state.diverged !== undefined;
    if (isThere()) return;
    // Code that waits for one of its commands hardly waits for something else as well.
    await this.#until(isThere, this.state.open.size > 0 ? SHORT_WAIT_MS : FOREIGN_WAIT_MS);
  }

  async #until(isTrue: () => boolean, mostMs?: number): Promise<boolean> {
    let isOver = false;
    const timer =
      mostMs === undefined
        ? undefined
        : later(() => {
            isOver = true;
            this.#wake();
          }, mostMs);
    while (!isTrue() && !isOver) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    if (timer !== undefined) stop(timer);
    return isTrue();
  }
}

/** The signal of an effect that runs. Most effects never ask for it. */
function signalOf(command: Command): AbortSignal {
  command.abort ??= new AbortController();
  return command.abort.signal;
}

const FOREIGN =
  "WORKFLOW_NOT_DETERMINISTIC: the code waits for something that is none of its commands; do such work in ctx.step";

export type { End };
