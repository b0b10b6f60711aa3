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
 * I5  The limit is one of CPU time, which the watchdog sees to. V8's own clock hangs on the wall: it is set so far off that
 *     only an entry ends by it that the watchdog was told of, or that hardly got any of the machine's time (`isStarved`).
 */
import type { Limits } from "../../../contracts/index.ts";
import { EnterOp, MAX_ENTERING } from "../../../web/index.ts";
import type { EnterMessage, EntryOutcome, Sandbox } from "../engine.ts";
import { type CpuAccounts, createCpuAccounts } from "./cpu-accounts.ts";
import type { CpuMeter, Measure, Worker } from "./cpu-meter.ts";
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
  /** How long it ran, on the wall. */
  ranMs: number;
  /** CPU time that it took itself. */
  stretchMs: number;
  /** The CPU time that its request may use, and has used by now as far as that is known. */
  budgetMs: number;
  usedMs: number;
  /** What the process has grown by meanwhile, where that is known. */
  grownBytes: number | undefined;
  /** It has CPU time left. */
  isStarved: boolean;
}

/** Enough for the isolate to have something to go on with while the host hears of what it has done. */
const MAX_OF_OWNER = 8;

/** What is left to a request may be a moment: a short stretch ends the request alone. */
const SHORTEST_STRETCH_MS = 25;

/**
 * How far off V8's clock is set, in times of what an entry may take: the machine may become busy at any time, and what else
 * is at work in the isolate waits for so long behind an endless loop.
 */
const WALL_FACTOR = 3;
const LEAST_WALL_MS = 500;

/** How long an entry may run on the wall that may take so much CPU time, where it gets such a share of the machine. */
function wallOf(allowedMs: number, share: number): number {
  return Math.ceil(Math.max(LEAST_WALL_MS, allowedMs * WALL_FACTOR) / share);
}

export class Entries {
  readonly #options: EntriesOptions;
  readonly #cpu: CpuAccounts;
  readonly #watched: Watched;
  readonly #meter: CpuMeter;
  readonly #shortestMs: number;
  /** Whose entries are under way, in their order. */
  readonly #entering: number[] = [];
  /** Asked for within what the host is at now. */
  #asked: Entry[] = [];
  /** The requests that have not entered yet, or of whose entry nothing was heard yet. */
  readonly #unbegun = new Set<number>();
  /** There is no room for them yet. */
  readonly #waiting = new Turns<Entry>();
  #isLettingIn = false;
  #isLoading = false;
  #isClosed = false;
  #isGivenUp = false;
  #sandbox: Sandbox | undefined;
  #whenOver: () => void = () => undefined;

  constructor(options: EntriesOptions) {
    const { limits, watchdog } = options;
    this.#options = options;
    this.#cpu = createCpuAccounts(limits.cpuMs);
    this.#shortestMs = Math.min(limits.cpuMs, SHORTEST_STRETCH_MS);
    this.#meter = watchdog.meter;
    this.#watched = watchdog.watch({
      memoryMb: limits.memoryMb,
      worker: this.#worker,
      isOverdue: () => !this.#hasTime && this.#cpu.stretchMs >= this.#shortestMs,
      onLate: () => options.onLate(this.#owner, this.#usage()),
      onGrowth: options.onGrowth,
    });
  }

  /** What the isolate does, for the meter. */
  readonly #worker: Worker = {
    ranMs: () => {
      this.#charge(this.#owner);
      return this.#cpu.unsettledMs;
    },
    settle: (share) => this.#cpu.settle(share),
    isOver: () => this.#isClosed || (!this.#isLoading && this.#entering.length === 0),
  };

  #charge(owner: number): void {
    if (this.#sandbox !== undefined) this.#cpu.charge(owner, this.#sandbox.cpuMs());
  }

  /** What is left to a request, by the CPU time that it got. */
  #leftTo(owner: number): number {
    // By the clock on the wall there is none left: now it matters what of that was CPU time.
    if (this.#cpu.allowance(owner) === 0) this.#meter.sample();
    return this.#cpu.allowance(owner);
  }

  get #hasTime(): boolean {
    const { budgetMs } = this.#cpu.balance(this.#owner);
    return this.#cpu.allowance(this.#owner) > 0 && this.#cpu.stretchMs < budgetMs;
  }

  #usage(): EntryUsage {
    const { ranMs, grownBytes } = this.#watched;
    const { stretchMs } = this.#cpu;
    const balance = this.#cpu.balance(this.#owner);
    return { ...balance, ranMs, grownBytes, stretchMs, isStarved: this.#hasTime };
  }

  /** Whose entry runs. */
  get #owner(): number {
    return this.#entering[0] ?? 0;
  }

  /** The requests that no handler has seen, where the isolate runs nothing any more. */
  get unbegun(): readonly number[] {
    return [...this.#unbegun];
  }

  get isUnderWay(): boolean {
    return this.#entering.length > 0;
  }

  into(sandbox: Sandbox): void {
    this.#sandbox = sandbox;
  }

  /** Evaluates the function's module under the eyes of the watchdog. */
  async load<T>(evaluate: () => Promise<T>): Promise<T> {
    this.#isLoading = true;
    this.#charge(0);
    this.#cpu.beginStretch();
    this.#watched.begin();
    const loaded = await evaluate();
    this.#watched.end();
    this.#isLoading = false;
    return loaded;
  }

  /** Enters the isolate on behalf of a request; 0: nobody's. Resolves when that is over. */
  enter(owner: number, ...message: EnterMessage): Promise<void> {
    if (message[0] === EnterOp.request) this.#unbegun.add(owner);
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
    const allowedMs = this.#leftTo(owner);
    if (sandbox === undefined || allowedMs === 0) return;
    const last = message.at(-1);
    if (last instanceof ArrayBuffer) this.#cpu.extend(owner, last.byteLength);
    if (this.#entering.push(owner) === 1) this.#cpu.beginStretch();
    this.#watched.begin();
    const wallMs = wallOf(Math.max(allowedMs, this.#shortestMs), this.#meter.share);
    const outcome = await sandbox.enter(wallMs, ...message);
    this.#unbegun.delete(owner);
    if (outcome.kind === "ok" && outcome.answer !== undefined) this.#options.onAnswer(outcome.answer, owner);
    this.#charge(owner);
    const usage = outcome.kind === "ok" ? undefined : this.#usageAtEnd();
    this.#watched.end();
    this.#entering.shift();
    this.#cpu.beginStretch();
    if (!this.#waiting.isEmpty) this.#letIn();
    this.#whenOver();
    if (usage === undefined) return this.#look(owner);
    this.#options.onEnd(outcome, owner, usage);
  }

  /** What the entry has taken that has just ended. */
  #usageAtEnd(): EntryUsage {
    this.#meter.sample();
    return this.#usage();
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

  #look(owner: number): void {
    if (owner === 0 || this.#leftTo(owner) > 0) return;
    const { usedMs, budgetMs } = this.#cpu.balance(owner);
    this.#options.onOverdrawn(owner, usedMs, budgetMs);
  }

  /** The entry that runs is not waited for any longer. */
  giveUp(): void {
    this.#isGivenUp = true;
    this.#whenOver();
  }

  /** Resolves when the entry is over that runs, when it is given up, or after so long. */
  async over(timeoutMs: number): Promise<void> {
    if (!this.isUnderWay || this.#isGivenUp) return;
    await new Promise<void>((resolve) => {
      const limit = setTimeout(resolve, timeoutMs);
      this.#whenOver = () => {
        clearTimeout(limit);
        resolve();
      };
    });
  }

  /** A request begins. */
  open(id: number): void {
    this.#cpu.open(id);
  }

  /** Bytes of a request's body went by. */
  extend(id: number, bytes: number): void {
    this.#cpu.extend(id, bytes);
  }

  /** Has the host do something for a request. */
  readonly measure: Measure = (id, where, work) =>
    this.#meter.measure(where, work, (ms) => {
      this.#cpu.spend(id, ms);
      this.#look(id);
    });

  /** A request is ended as it has used up its time. */
  exhaust(id: number): void {
    this.#cpu.exhaust(id);
  }

  /** A request is over. */
  forget(id: number): void {
    this.#unbegun.delete(id);
    this.#cpu.forget(id);
  }

  close(): void {
    this.#isClosed = true;
    this.#watched.close();
  }
}
