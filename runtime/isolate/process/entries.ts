/**
 * The entries into one isolate: their owners, their order, and their CPU time. The owner of an entry is the request that it
 * is made for; 0: none.
 *
 * I1  The isolate has at most `MAX_HANDED` entries at a time, by at most `MAX_CALLS` calls, and `MAX_OF_OWNER` of one owner where
 *     it has that many. An entry that was handed over cannot be taken back. V8's limit for a call is made for the entry whose
 *     owner has the most time left.
 * I2  Entries of one owner begin in the order of the calls of `enter`. Owners whose entries wait take turns: a client that floods
 *     its WebSocket, or a handler that floods its timers, only delays itself.
 * I3  Entries that are requested within one turn of the event loop are handed over by one call. Entries that had to wait are
 *     handed over in later turns, so that a flood leaves turns to the rest of the process.
 * I4  A late timer or result of a request that has used up its time does not enter.
 * I5  The limit is one of CPU time, and the watchdog enforces it. V8's own limit is one of wall time. It is set so high that it
 *     ends an entry only after the watchdog has reported it, or on a machine that gave it hardly any CPU time (`isStarved`).
 * I6  Entries run in the order in which they were handed over. The isolate notes the last one that each call has begun
 *     (web/host/batch.ts): so the one that runs is known at any time, and the isolate may leave entries to the next call.
 * I7  V8 reports one rejected promise without a handler for each call, and not whose it is. So a call gets one entry until
 *     `TRIED_ENTRIES` have left no such promise, and in an isolate where one did, for ever. A report of several entries has no owner,
 *     and names all of theirs.
 */
import { type Limits, NumberTable } from "../../../contracts/index.ts";
import { beginsRequest, EnterOp, MAX_CALLS } from "../../../web/index.ts";
import type { EnterMessage, Isolate } from "../engine.ts";
import type { EntryOutcome } from "../load-outcome.ts";
import { type CpuAccounts, createCpuAccounts } from "./cpu-accounts.ts";
import type { CpuMeter, Measure, Worker } from "./cpu-meter.ts";
import { HandedEntries } from "./handed-entries.ts";
import { Turns } from "./turns.ts";
import type { Watchdog, Watched } from "./watchdog.ts";

export interface EntriesOptions {
  limits: Pick<Limits, "cpuMs" | "memoryMb">;
  watchdog: Watchdog;
  /** A call returned answers (`splitAnswers`): user input. */
  onAnswers(answers: unknown): void;
  /** An entry failed. */
  onEnd(outcome: EntryOutcome, owner: number, usage: EntryUsage): void;
  /** An entry of one of these owners failed, and it is not known which (I7). */
  onFailureOfOne(stack: string, owners: readonly number[]): void;
  /** A request has used up its time in many entries. */
  onOverdrawn(owner: number, usedMs: number, budgetMs: number): void;
  /** The entry that runs goes on after its time. */
  onLate(owner: number, usage: EntryUsage): void;
  /** The process has grown by so many bytes while the isolate ran. */
  onGrowth(bytes: number): void;
}

interface Entry {
  readonly owner: number;
  readonly message: EnterMessage;
  /** It has ended, or will not begin. */
  readonly onOver: (() => void) | undefined;
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

/** Upper bound of the entries that an isolate has. */
const MAX_HANDED = 64;
/** Upper bound of the entries of one owner among them. A call costs as much as several of them: so answers enter together. */
const MAX_OF_OWNER = 32;

/** The number of entries after which an isolate may get several by one call. */
const TRIED_ENTRIES = 32;

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

/** Bytes of a body that a message brings, in itself or in the window of a stream. */
function bodyBytesOf(message: EnterMessage): number {
  const last = message.at(-1);
  if (last instanceof ArrayBuffer) return last.byteLength;
  return message[0] === EnterOp.chunk ? Number(message[2]) : 0;
}

const NONE: readonly number[] = [0];

/** Whether entries that were handed over may still begin. */
function goesOn(outcome: EntryOutcome): boolean {
  if (outcome.kind === "ok") return outcome.answers !== undefined;
  return outcome.kind === "uncaught" || outcome.kind === "cpu-limit";
}

export class Entries {
  readonly #options: EntriesOptions;
  readonly #cpu: CpuAccounts;
  readonly #watched: Watched;
  readonly #meter: CpuMeter;
  readonly #shortestMs: number;
  readonly #handed = new HandedEntries<Entry>((call) => this.#isolate?.lastOf(call) ?? 0);
  /** The number of the entry that ran at the last charge. */
  #charged = 0;
  /** Entries that were requested in the current turn of the event loop. */
  #asked: Entry[] = [];
  /** The number of entries that get a call of their own (I7). */
  #oneByOne = TRIED_ENTRIES;
  /** Requests that may not have begun. */
  readonly #unbegun = new NumberTable<true>();
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
      this.#charge();
      return this.#cpu.unsettledMs;
    },
    settle: (share) => this.#cpu.settle(share),
    isOver: () => this.#isClosed || (!this.#isLoading && !this.isUnderWay),
  };

  /** Charges the entries that have run since the last charge. */
  #charge(): void {
    if (this.#isolate === undefined) return;
    const { running } = this.#handed;
    if (running !== this.#charged) this.#cpu.beginStretch();
    const owners = this.#handed.ownersFrom(this.#charged);
    this.#charged = running;
    this.#cpu.charge(owners.length === 0 ? NONE : owners, this.#isolate.cpuMs());
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
    return this.#handed.owner;
  }

  /** Requests that no handler has seen. Only meaningful after the isolate has stopped running. */
  get unbegun(): readonly number[] {
    for (const entry of this.#handed.begun) this.#noteBegun(entry);
    return this.#unbegun.entries().map(([owner]) => owner);
  }

  /** Whether no handler has seen a request. It stays so only behind the request's deadline (web/start/serve.ts, I5). */
  readonly isUnbegun = (id: number): boolean => this.unbegun.includes(id);

  #noteBegun(entry: Entry): void {
    if (beginsRequest(entry.message[0])) this.#unbegun.delete(entry.owner);
  }

  get isUnderWay(): boolean {
    return this.#handed.callsUnderWay > 0;
  }

  into(isolate: Isolate): void {
    this.#isolate = isolate;
  }

  /** Evaluates the function's module while the watchdog watches. */
  async load<T>(evaluate: () => Promise<T>): Promise<T> {
    this.#isLoading = true;
    this.#charge();
    this.#cpu.beginStretch();
    this.#watched.begin();
    const loaded = await evaluate();
    this.#watched.end();
    this.#isLoading = false;
    return loaded;
  }

  /** Enters the isolate. */
  enter(owner: number, ...message: EnterMessage): void {
    this.#ask({ owner, message, onOver: undefined });
  }

  /** Enters the isolate. `onOver` is called when the entry has ended, or will not begin. */
  enterThen(onOver: () => void, owner: number, ...message: EnterMessage): void {
    this.#ask({ owner, message, onOver });
  }

  #ask(entry: Entry): void {
    if (beginsRequest(entry.message[0])) this.#unbegun.set(entry.owner, true);
    if (this.#asked.push(entry) === 1) queueMicrotask(() => this.#handAsked());
  }

  #handAsked(): void {
    const asked = this.#asked;
    this.#asked = [];
    const batch: EnterMessage[] = [];
    for (const entry of asked) {
      if (this.#waiting.isEmpty && this.#hasRoomFor(entry.owner, batch.length)) this.#add(entry, batch);
      else this.#waiting.put(entry);
    }
    this.#hand(batch);
  }

  /** Adds an entry to the messages of the next call. */
  #add(entry: Entry, batch: EnterMessage[]): void {
    const { owner, message, onOver } = entry;
    if (this.#isolate === undefined || this.#leftTo(owner) === 0) {
      onOver?.();
      return;
    }
    const bytes = bodyBytesOf(message);
    if (bytes > 0) this.#cpu.extend(owner, bytes);
    this.#handed.add(entry);
    batch.push(message);
  }

  #hand(batch: readonly EnterMessage[]): void {
    if (batch.length > 0 && this.#isolate !== undefined) void this.#call(this.#isolate, batch);
  }

  /** Lets the isolate run the messages, and the ones that it has left. */
  async #call(isolate: Isolate, batch: readonly EnterMessage[]): Promise<void> {
    this.#handed.beginCall();
    this.#watched.begin();
    const outcome = await isolate.enterAll(this.#wallMs(), batch);
    if (outcome.kind === "ok" && outcome.answers !== "") this.#options.onAnswers(outcome.answers);
    this.#charge();
    const usage = outcome.kind === "ok" ? undefined : this.#usageAtEnd();
    const last = this.#owner;
    this.#watched.end();
    const ended = this.#handed.endCall();
    this.#cpu.beginStretch();
    for (const entry of ended) this.#noteBegun(entry);
    this.#oneByOne = Math.max(0, this.#oneByOne - ended.length);
    const mayGoOn = goesOn(outcome) && (batch.length > 0 || ended.length > 0);
    const dropped = mayGoOn ? this.#goOn(isolate) : this.#handed.drop();
    for (const { onOver } of [...ended, ...dropped]) onOver?.();
    if (!this.#waiting.isEmpty) this.#letIn();
    this.#whenOver();
    if (usage === undefined) return this.#lookAt(ended);
    if (outcome.kind !== "uncaught") return this.#options.onEnd(outcome, last, usage);
    this.#oneByOne = Number.POSITIVE_INFINITY;
    const owners = new Set(ended.map(({ owner }) => owner));
    if (owners.size > 1) this.#options.onFailureOfOne(outcome.stack, [...owners]);
    else this.#options.onEnd(outcome, last, usage);
  }

  /** Runs the entries that the isolate has left. Returns the ones that it never received. */
  #goOn(isolate: Isolate): readonly Entry[] {
    if (this.isUnderWay || this.#handed.count === 0) return [];
    if (isolate.received <= this.#handed.running) return this.#handed.drop();
    void this.#call(isolate, []);
    return [];
  }

  /** V8's limit of wall time for a call. */
  #wallMs(): number {
    let mostMs = this.#shortestMs;
    for (const { owner } of this.#handed) mostMs = Math.max(mostMs, this.#cpu.allowance(owner));
    return wallOf(mostMs, this.#meter.share);
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
      const batch: EnterMessage[] = [];
      const next = () => this.#waiting.take((owner) => this.#hasRoomFor(owner, batch.length));
      for (let entry = next(); entry !== undefined; entry = next()) this.#add(entry, batch);
      this.#hand(batch);
    });
  }

  /** `count`: the entries that the next call has already. */
  #hasRoomFor(owner: number, count: number): boolean {
    if (this.#handed.callsUnderWay >= MAX_CALLS || (this.#oneByOne > 0 && count > 0)) return false;
    const handed = this.#handed.count;
    if (handed < MAX_OF_OWNER) return true;
    return handed < MAX_HANDED && this.#handed.countOf(owner) < MAX_OF_OWNER;
  }

  #lookAt(ended: readonly Entry[]): void {
    let before = 0;
    for (const { owner } of ended) {
      if (owner !== before) this.#look(owner);
      before = owner;
    }
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
