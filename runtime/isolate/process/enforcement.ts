/**
 * Decides the consequences of a broken limit: the end of a request, of its instance, or of the host.
 *
 * I1  CPU time that was used up in many short entries ends the request alone. An entry that does not return, and memory
 *     that is used up, condemn the instance.
 * I2  While the module is evaluated, a broken limit is the outcome of the start. `load` returns it.
 * I3  An entry that goes on after its time is logged when V8 has interrupted it, as V8 then knows its place in the code. Its
 *     request is answered at once.
 */
import type { Limits } from "../../../contracts/index.ts";
import { AbortKind, EnterOp } from "../../../web/index.ts";
import type { SandboxOwner, StartFailure } from "../../instance/sandbox.ts";
import type { EntryOutcome } from "../load-outcome.ts";
import type { Entries, EntryUsage } from "./entries.ts";
import { limitMessages } from "./limit-messages.ts";

export interface EnforcementOptions {
  owner: SandboxOwner;
  entries: Entries;
  limits: Limits;
  disposeIsolate(): void;
  /** The isolate was disposed, and its entry goes on all the same. */
  onRunaway(): void;
}

/** How long V8 may take to end the entry of a disposed isolate, while the entry takes more and more memory. */
const RUNAWAY_MS = 500;

/** How long V8 may take to end a loop whose request was answered already (entries.ts). */
const LOOP_END_MS = 15_000;

export class Enforcement {
  readonly #options: EnforcementOptions;
  readonly #messages;
  #isStarting = true;
  /** The limit that ended the start. */
  #startFailure: StartFailure | undefined;
  /** An entry that goes on after its time, until it is logged. */
  #unloggedLoop: { owner: number; usage: EntryUsage } | undefined;

  constructor(options: EnforcementOptions) {
    this.#options = options;
    this.#messages = limitMessages(options.limits);
  }

  /** Evaluates the module; returns the limit that it broke, or the failure of the evaluation. */
  async load(evaluate: () => Promise<StartFailure | undefined>): Promise<StartFailure | undefined> {
    const outcome = await this.#options.entries.load(evaluate);
    const failure = this.#startFailure ?? outcome;
    this.#isStarting = failure !== undefined;
    return failure;
  }

  /** A request, or its background work, used up its time in many short entries. Its isolate is whole. */
  overdraw(id: number, usedMs: number, budgetMs: number): void {
    const { owner, entries } = this.#options;
    const { requests, log } = owner;
    if (requests.isOver(id)) return;
    const requestId = requests.requestIdOf(id);
    log.write("error", `CPU_LIMIT: ${this.#messages.overdrawn(usedMs, budgetMs)}`, requestId);
    entries.exhaust(id);
    requests.fail(id, "CPU_LIMIT");
    requests.endBackground(id);
    // These entries belong to no request: this request has no time left for them.
    entries.enter(0, EnterOp.abort, id, AbortKind.deadline);
    entries.enter(0, EnterOp.drop, id);
  }

  /** An entry goes on after its time. */
  late(id: number, usage: EntryUsage): void {
    if (this.#isStarting) {
      this.#startFailure = { code: "CPU_LIMIT", message: this.#messages.topLevel(usage.stretchMs) };
      this.#options.disposeIsolate();
      return;
    }
    this.#unloggedLoop = { owner: id, usage };
    this.#options.owner.condemn("CPU_LIMIT", id || undefined, undefined);
  }

  /** The process grew by more than the running isolates may take together, while this isolate ran. */
  outgrow(bytes: number) {
    const { entries, disposeIsolate, onRunaway } = this.#options;
    // The request is answered, and other functions of the host have their grace: only the wait for V8 ends.
    if (this.#unloggedLoop !== undefined) return entries.giveUp();
    const message = this.#messages.processGrown(bytes);
    if (this.#isStarting) this.#startFailure = { code: "MEMORY_LIMIT", message };
    this.#condemnForMemory(message);
    // V8 ends the entry and frees its memory, or does not notice the disposal.
    disposeIsolate();
    setTimeout(() => {
      if (entries.isUnderWay) onRunaway();
    }, RUNAWAY_MS);
  }

  /** A handler ended with V8's refusal of an allocation. The memory that it keeps would fail every later request. */
  outOfMemory(id: number, stack: string): void {
    const { owner } = this.#options;
    if (owner.requests.find(id) === undefined) return;
    owner.condemn("MEMORY_LIMIT", id, this.#messages.allocationRefused(stack));
  }

  /** The memories of WebAssembly exceeded the limit. `bytes` is user input. */
  outgrowWasm(bytes: unknown): void {
    this.#loseMemory(this.#messages.wasmGrown(bytes));
  }

  nearlyFull(): void {
    this.#options.owner.replace(this.#messages.nearlyFull());
  }

  /** An entry failed. */
  settle(outcome: EntryOutcome, ownerId: number, usage: EntryUsage) {
    // While the module is evaluated, `load` reports the outcome.
    if (this.#isStarting) return;
    const { log, requests } = this.#options.owner;
    const id = ownerId === 0 ? undefined : ownerId;
    switch (outcome.kind) {
      case "ok":
      case "disposed":
        return;
      case "uncaught":
        return log.write("error", outcome.stack, requests.requestIdOf(id));
      case "cpu-limit":
        return this.#interrupted(id, usage, outcome.stack);
      case "memory-limit":
        return this.#loseMemory(this.#messages.overMemory(usage.grownBytes));
    }
  }

  /** An entry of one of these owners left a rejection. Other rejections among these entries are lost. */
  settleOneOf(stack: string, owners: readonly number[]): void {
    if (this.#isStarting) return;
    const { log, requests } = this.#options.owner;
    const ids = owners.flatMap((id) => requests.requestIdOf(id || undefined) ?? []);
    const place = `(in one of the requests ${ids.join(", ")}, which ran together: only the first is seen)`;
    log.write("error", ids.length === 0 ? stack : `${stack}\n${place}`, undefined);
  }

  /** Resolves when an entry that goes on after its time has ended and is logged. */
  async whenLoopEnds(): Promise<void> {
    if (this.#unloggedLoop !== undefined) await this.#options.entries.over(LOOP_END_MS);
    this.#logLoop(this.#messages.notInterrupted);
  }

  /** V8 interrupted an entry by its limit of wall time. */
  #interrupted(id: number | undefined, usage: EntryUsage, stack: string): void {
    const { owner } = this.#options;
    if (this.#unloggedLoop !== undefined) this.#logLoop((late) => this.#messages.looped(late, stack));
    else if (!usage.isStarved) owner.condemn("CPU_LIMIT", id, this.#messages.looped(usage, stack));
    else owner.condemn("MACHINE_BUSY", id, this.#messages.starved(usage, stack));
  }

  #logLoop(describe: (usage: EntryUsage) => string): void {
    if (this.#unloggedLoop === undefined) return;
    const { owner: id, usage } = this.#unloggedLoop;
    this.#unloggedLoop = undefined;
    const { log, requests } = this.#options.owner;
    log.say(`CPU_LIMIT: ${describe(usage)}`, requests.requestIdOf(id || undefined));
  }

  /** The isolate runs no more code: requests that no handler has seen are free for another instance. */
  #loseMemory(why: string): void {
    const { owner, entries } = this.#options;
    for (const id of entries.unbegun) owner.requests.fail(id, "INSTANCE_DRAINING");
    this.#condemnForMemory(why);
  }

  /** The isolate is lost. While the module is evaluated, `load` reports that. */
  #condemnForMemory(why: string): void {
    if (!this.#isStarting) this.#options.owner.condemn("MEMORY_LIMIT", undefined, why);
  }
}
