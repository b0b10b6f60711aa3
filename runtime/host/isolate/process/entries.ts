/**
 * The entries into one isolate: on whose behalf, in what order, and the CPU time that they may take.
 *
 * I1  V8 has at most `MAX_ENTERING` entries of an isolate at a time, and `MAX_OF_OWNER` on behalf of one request. What it has
 *     been handed cannot be taken back, and has the time that its owner had left then; of what waits here it is counted
 *     when its turn comes.
 * I2  Entries of one request begin in the order in which they were asked for. Requests whose entries wait take turns: a
 *     client that floods its WebSocket with messages, or a handler with timers, is kept waiting by itself.
 * I3  Those that are asked for one right after the other, as the requests that one read brings, begin together: so the
 *     isolate's thread is woken once for all of them. Those that waited begin in turns of the event loop: a flood of them
 *     leaves everybody else in the process theirs.
 * I4  What a request that has used up its time still asked for (a timer, a result) does not enter.
 */
import type { Limits } from "../../../../contracts/index.ts";
import { MAX_ENTERING } from "../../../platform/boundary.ts";
import type { EnterMessage, EntryOutcome, Sandbox } from "../engine.ts";
import { type CpuAccounts, createCpuAccounts } from "./cpu-accounts.ts";
import { Turns } from "./turns.ts";
import type { Watchdog, Watched } from "./watchdog.ts";

export interface EntriesOptions {
  limits: Pick<Limits, "cpuMs" | "memoryMb">;
  watchdog: Watchdog;
  /** An entry returned something: user input. */
  onAnswer(answer: unknown, owner: number): void;
  /** An entry has ended, and not well. */
  onEnd(outcome: EntryOutcome, owner: number, usage: EntryUsage): void;
  /** A request has used up its time in many stretches. */
  onOverdrawn(owner: number, usedMs: number, budgetMs: number): void;
  /** The entry that runs goes on after its time. */
  onLate(owner: number, usage: EntryUsage): void;
  /** The process has grown by so many bytes while the isolate was at work. */
  onGrowth(bytes: number): void;
}

interface Entry {
  owner: number;
  begin(): void;
}

/** What an entry has taken. */
export interface EntryUsage {
  /** How long it ran. */
  ranMs: number;
  /** The CPU time that its request may use, and has used by now as far as that is known. */
  budgetMs: number;
  usedMs: number;
  /** What the process has grown by meanwhile, where that is known. */
  grownBytes: number | undefined;
}

/** Enough for the isolate to have something to go on with while the host hears of what it has done. */
const MAX_OF_OWNER = 8;

/** What is left to a request may be a moment: a short stretch, which V8 would break off, ends the request alone. */
const SHORTEST_STRETCH_MS = 25;

export class Entries {
  readonly #options: EntriesOptions;
  readonly #cpu: CpuAccounts;
  readonly #watched: Watched;
  readonly #shortestMs: number;
  /** Whose entries are under way, in their order. */
  readonly #entering: number[] = [];
  /** Asked for within what the host is at now. */
  #asked: Entry[] = [];
  /** There is no room for them yet. */
  readonly #waiting = new Turns<Entry>();
  #isLettingIn = false;
  #sandbox: Sandbox | undefined;

  constructor(options: EntriesOptions) {
    const { limits, watchdog } = options;
    this.#options = options;
    this.#cpu = createCpuAccounts(limits.cpuMs);
    this.#shortestMs = Math.min(limits.cpuMs, SHORTEST_STRETCH_MS);
    this.#watched = watchdog.watch({
      memoryMb: limits.memoryMb,
      leftMs: () => this.#cpu.allowance(this.#owner),
      onLate: () => {
        const owner = this.#owner;
        options.onLate(owner, { ...this.#cpu.balance(owner), ...this.#running() });
      },
      onGrowth: options.onGrowth,
    });
  }

  /** Whose entry runs. */
  get #owner(): number {
    return this.#entering[0] ?? 0;
  }

  get isUnderWay(): boolean {
    return this.#entering.length > 0;
  }

  into(sandbox: Sandbox): void {
    this.#sandbox = sandbox;
  }

  /** Evaluates the function's module under the eyes of the watchdog. */
  async load<T>(startMs: number, evaluate: () => Promise<T>): Promise<T> {
    this.#watched.begin(startMs);
    const loaded = await evaluate();
    this.#watched.end();
    return loaded;
  }

  /** Enters the isolate on behalf of a request; 0: nobody's. Resolves when that is over. */
  enter(owner: number, ...message: EnterMessage): Promise<void> {
    return new Promise((resolve) => {
      this.#asked.push({ owner, begin: () => resolve(this.#enterNow(owner, message)) });
      if (this.#asked.length === 1) queueMicrotask(() => this.#beginAsked());
    });
  }

  #beginAsked(): void {
    const asked = this.#asked;
    this.#asked = [];
    for (const entry of asked) {
      if (this.#waiting.isEmpty && this.#hasRoomFor(entry.owner)) entry.begin();
      else this.#waiting.put(entry);
    }
  }

  async #enterNow(owner: number, message: EnterMessage): Promise<void> {
    const sandbox = this.#sandbox;
    const allowedMs = this.#cpu.allowance(owner);
    if (sandbox === undefined || allowedMs === 0) return;
    const last = message.at(-1);
    if (last instanceof ArrayBuffer) this.#cpu.extend(owner, last.byteLength);
    this.#entering.push(owner);
    this.#watched.begin(allowedMs);
    const outcome = await sandbox.enter(Math.ceil(Math.max(allowedMs, this.#shortestMs)), ...message);
    if (outcome.kind === "ok" && outcome.answer !== undefined) this.#options.onAnswer(outcome.answer, owner);
    const running = outcome.kind === "ok" ? undefined : this.#running();
    this.#watched.end();
    this.#entering.shift();
    if (!this.#waiting.isEmpty) this.#letIn();
    const usedMs = this.#cpu.charge(owner, sandbox.cpuMs());
    if (running === undefined) return this.#look(owner, usedMs);
    const { budgetMs } = this.#cpu.balance(owner);
    this.#options.onEnd(outcome, owner, { ...running, budgetMs, usedMs });
  }

  #running(): Pick<EntryUsage, "ranMs" | "grownBytes"> {
    const { ranMs, grownBytes } = this.#watched;
    return { ranMs, grownBytes };
  }

  #letIn(): void {
    if (this.#isLettingIn) return;
    this.#isLettingIn = true;
    setImmediate(() => {
      this.#isLettingIn = false;
      const next = () => this.#waiting.take((owner) => this.#hasRoomFor(owner));
      for (let entry = next(); entry !== undefined; entry = next()) entry.begin();
    });
  }

  #hasRoomFor(owner: number): boolean {
    const count = this.#entering.length;
    if (count < MAX_OF_OWNER) return true;
    if (count >= MAX_ENTERING) return false;
    let own = 0;
    for (const other of this.#entering) if (other === owner) own += 1;
    return own < MAX_OF_OWNER;
  }

  #look(owner: number, usedMs: number): void {
    if (owner === 0 || this.#cpu.allowance(owner) > 0) return;
    this.#options.onOverdrawn(owner, usedMs, this.#cpu.balance(owner).budgetMs);
  }

  /** A request begins. */
  open(id: number): void {
    this.#cpu.open(id);
  }

  /** Bytes of a request's body went by. */
  extend(id: number, bytes: number): void {
    this.#cpu.extend(id, bytes);
  }

  /** The host has computed something for a request. */
  spend(id: number, ms: number): void {
    this.#look(id, this.#cpu.spend(id, ms));
  }

  /** A request is ended as it has used up its time. */
  exhaust(id: number): void {
    this.#cpu.exhaust(id);
  }

  /** A request is over. */
  forget(id: number): void {
    this.#cpu.forget(id);
  }

  close(): void {
    this.#watched.close();
  }
}
