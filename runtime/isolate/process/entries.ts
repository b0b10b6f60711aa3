/**
 * The entries into one isolate: their owners, their order, and their CPU time. The owner of an entry is the request that it
 * is made for; 0: none.
 *
 * I1  V8 has at most `MAX_ENTERING` entries of an isolate at a time, and `MAX_OF_OWNER` of one owner. An entry that V8 has
 *     cannot be taken back. Its time is the time that its owner had left when it was handed over.
 * I2  Entries of one owner begin in the order of the calls of `enter`. Owners whose entries wait take turns: a client that floods
 *     its WebSocket, or a handler that floods its timers, only delays itself.
 * I3  Entries that are requested within one turn of the event loop begin together, so that the isolate's thread wakes once
 *     for all of them. Entries that had to wait begin in later turns, so that a flood leaves turns to the rest of the process.
 * I4  A late timer or result of a request that has used up its time does not enter.
 * I5  The limit is one of CPU time, and the watchdog enforces it. V8's own limit is one of wall time. It is set so high that it
 *     ends an entry only after the watchdog has reported it, or on a machine that gave it hardly any CPU time (`isStarved`).
 */
import type { Limits } from "../../../contracts/index.ts";
import { EnterOp, MAX_ENTERING } from "../../../web/index.ts";
import type { EnterMessage, EntryOutcome, Isolate } from "../engine.ts";
import { type CpuAccounts, createCpuAccounts } from "./cpu-accounts.ts";
import type { CpuMeter, Measure, Worker } from "./cpu-meter.ts";
import { Turns } from "./turns.ts";
import type { Watchdog, Watched } from "./watchdog.ts";

export interface EntriesOptions {
  limits: Pick<Limits, "cpuMs" | "memoryMb">;
  watchdog: Watchdog;
  /** An entry returned a value: user input. */
  onAnswer(answer: unknown, owner: number): void;
  /** An entry failed. */
  onEnd(outcome: EntryOutcome, owner: number, usage: EntryUsage): void;
  /** A request has used up its time in many entries. */
  onOverdrawn(owner: number, usedMs: number, budgetMs: number): void;
  /** The entry that runs goes on after its time. */
  onLate(owner: number, usage: EntryUsage): void;
  /** The process has grown by so many bytes while the isolate ran. */
  onGrowth(bytes: number): void;
}

interface Entry {
  owner: number;
  begin(): void;
}

/** The resources that an entry has used. */
export interface EntryUsage {
  /** Wall time that it ran. */
  ranMs: number;
  /** CPU time of this entry alone. */
  stretchMs: number;
  /** The CPU time that its request may use, and has used as far as it is known. */
  budgetMs: number;
  usedMs: number;
  /** The growth of the process meanwhile, where it is known. */
  grownBytes: number | undefined;
  /** It has CPU time left: the machine was too busy to give it. */
  isStarved: boolean;
}

/** Upper bound of the entries of one owner that V8 has. The isolate needs some, to work on while the host learns of the last. */
const MAX_OF_OWNER = 8;

/** Lower bound of the time of an entry. A request with less left ends by its sum of entries, which spares the instance. */
const SHORTEST_STRETCH_MS = 25;

/**
 * V8's limit of wall time, as a multiple of the CPU time that an entry may take. The machine may become busy at any time; the
 * other requests of the isolate wait that long behind an endless loop.
 */
const WALL_FACTOR = 3;
/** Lower bound of V8's limit of wall time. */
const LEAST_WALL_MS = 500;

/** The limit of wall time for an entry with so much CPU time, at an expected share of the CPU. */
function wallOf(allowedMs: number, share: number): number {
  return Math.ceil(Math.max(LEAST_WALL_MS, allowedMs * WALL_FACTOR) / share);
}

export class Entries {
  readonly #options: EntriesOptions;
  readonly #cpu: CpuAccounts;
  readonly #watched: Watched;
  readonly #meter: CpuMeter;
  readonly #shortestMs: number;
  /** The owners of the entries that V8 has, in order. The first entry runs. */
  readonly #entering: number[] = [];
  /** Entries that were requested in the current turn of the event loop. */
  #asked: Entry[] = [];
  /** Requests whose first entry has not ended. */
  readonly #unbegun = new Set<number>();
  /** Entries that V8 has no room for yet. */
  readonly #waiting = new Turns<Entry>();
  #isLettingIn = false;
  #isLoading = false;
  #isClosed = false;
  #isGivenUp = false;
  #isolate: Isolate | undefined;
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

  /** The isolate as a worker of the meter. */
  readonly #worker: Worker = {
    ranMs: () => {
      this.#charge(this.#owner);
      return this.#cpu.unsettledMs;
    },
    settle: (share) => this.#cpu.settle(share),
    isOver: () => this.#isClosed || (!this.#isLoading && this.#entering.length === 0),
  };

  #charge(owner: number): void {
    if (this.#isolate !== undefined) this.#cpu.charge(owner, this.#isolate.cpuMs());
  }

  /** The CPU time that a request has left. */
  #leftTo(owner: number): number {
    // By wall time none is left: only a sample tells the CPU time in it.
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

  /** The owner of the entry that runs. */
  get #owner(): number {
    return this.#entering[0] ?? 0;
  }

  /** Requests that no handler has seen. Only meaningful after the isolate has stopped running. */
  get unbegun(): readonly number[] {
    return [...this.#unbegun];
  }

  get isUnderWay(): boolean {
    return this.#entering.length > 0;
  }

  into(isolate: Isolate): void {
    this.#isolate = isolate;
  }

  /** Evaluates the function's module while the watchdog watches. */
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

  /** Enters the isolate. Resolves when the entry has ended. */
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
    const isolate = this.#isolate;
    const allowedMs = this.#leftTo(owner);
    if (isolate === undefined || allowedMs === 0) return;
    const last = message.at(-1);
    if (last instanceof ArrayBuffer) this.#cpu.extend(owner, last.byteLength);
    if (this.#entering.push(owner) === 1) this.#cpu.beginStretch();
    this.#watched.begin();
    const wallMs = wallOf(Math.max(allowedMs, this.#shortestMs), this.#meter.share);
    const outcome = await isolate.enter(wallMs, ...message);
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

  /** The usage of the entry that has just ended. */
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

  /** Stops waiting for the entry that runs. */
  giveUp(): void {
    this.#isGivenUp = true;
    this.#whenOver();
  }

  /** Resolves when the entry that runs has ended, after `giveUp`, or after the time. */
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

  /** Opens the account of a request. */
  open(id: number): void {
    this.#cpu.open(id);
  }

  /** Adds bytes of a body to the CPU time of a request. */
  extend(id: number, bytes: number): void {
    this.#cpu.extend(id, bytes);
  }

  /** Does work of the host for a request, and charges the request. */
  readonly measure: Measure = (id, where, work) =>
    this.#meter.measure(where, work, (ms) => {
      this.#cpu.spend(id, ms);
      this.#look(id);
    });

  /** A request was ended for its CPU time: it gets no more. */
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
