/**
 * The schedules of functions. Every node-runner has them, and none is special: a schedule is its state in the stream, the server
 * rings its alarm, and each alarm and each run goes to one runner.
 *
 * I1  The definition of a schedule is that of the function's entry in `app-configs`, which is read anew for each change: it goes
 *     into the state by its revision, so that a runner that is behind changes nothing.
 * I2  A run is settled when its record and the state without it are stored. A runner that dies before leaves it to another one.
 */
import {
  type FunctionSpec,
  messageOf,
  type Schedule,
  type ScheduleKey,
  type ScheduleState,
  scheduleName,
  stores,
  subjects,
} from "../../contracts/index.ts";
import {
  createGivenBack,
  type DurableConsumer,
  keyOf,
  lookAfterChanges,
  openSchedules,
  openSpecs,
  type PulledMessage,
  type ScheduleStore,
} from "../../nats/index.ts";
import { readRule, type TickRule } from "../../ticks/index.ts";
import type { TriggerKind, TriggerMetric, TriggerParts } from "../kind.ts";
import { type BatchResult, type QueueEvents, QueueReader } from "../queues/queue-reader.ts";
import { decideDefinition, decideDue, decideRemoval } from "./decide.ts";
import { change, repair } from "./schedule-book.ts";
import { ScheduleMetrics } from "./schedule-metrics.ts";
import { ScheduleRuns } from "./schedule-runs.ts";

/** Alarms that a runner handles at a time. */
const ALARM_SLOTS = 32;
/** Runs that a runner calls at a time. */
const RUN_SLOTS = 256;
/** The pause between two looks at all states. */
const LOOK_MS = 300_000;
/** How far the clocks of this machine and the server may be apart, and an alarm be old, to count as now. */
const PROMPT_MS = 1_000;

const DONE: BatchResult = { kind: "answered", verdicts: [{ kind: "ack" }] };

export function createSchedules(parts: TriggerParts): TriggerKind {
  return new Schedules(parts);
}

class Schedules implements TriggerKind {
  readonly #parts: TriggerParts;
  readonly #metrics = new ScheduleMetrics();
  readonly #looks = setInterval(() => this.#do("look at all schedules", () => this.#look()), LOOK_MS).unref();
  readonly #stopWatchingState: () => void;
  readonly #stopWatchingCluster: () => void;
  /** Changes of definitions, in order. */
  #work: Promise<unknown> = Promise.resolve();
  #opening: Promise<ScheduleStore> | undefined;
  #readers: QueueReader[] = [];
  #isDraining = false;

  constructor(parts: TriggerParts) {
    this.#parts = parts;
    const look = () => this.#do("look at all schedules", () => this.#look());
    this.#stopWatchingState = parts.nats.onState((state) => {
      if (state === "connected") look();
    });
    this.#stopWatchingCluster = lookAfterChanges(parts.nats.cluster, look);
    look();
  }

  onSpec(name: string, _spec: FunctionSpec | undefined): void {
    this.#do(`schedule ${name}`, () => this.#define(name));
  }

  metrics(): TriggerMetric[] {
    return this.#metrics.list();
  }

  async drain({ graceMs }: { graceMs: number }): Promise<void> {
    this.#isDraining = true;
    clearInterval(this.#looks);
    this.#stopWatchingState();
    this.#stopWatchingCluster();
    await this.#work;
    await Promise.all(this.#readers.map((reader) => reader.close(graceMs)));
  }

  #do(what: string, work: () => Promise<void>): void {
    this.#work = this.#work
      .then(async () => {
        if (!this.#isDraining) await work();
      })
      .catch((error: unknown) => this.#parts.log.warn({ error: messageOf(error) }, `could not ${what}`));
  }

  #open(): Promise<ScheduleStore> {
    this.#opening ??= openSchedules(this.#parts.nats).then(
      (store) => {
        this.#read(store);
        return store;
      },
      (error: unknown) => {
        this.#opening = undefined;
        throw error;
      },
    );
    return this.#opening;
  }

  #read(store: ScheduleStore): void {
    const { schedules } = stores;
    const runs = new ScheduleRuns(this.#parts, store, this.#metrics);
    this.#readers = [
      this.#startReader(schedules.dueConsumer, subjects.scheduleDue("*", "*"), ALARM_SLOTS, (message) =>
        this.#onAlarm(store, message),
      ),
      this.#startReader(schedules.runConsumer, subjects.scheduleRun("*", ">"), RUN_SLOTS, (message, signal) =>
        runs.run(message, signal),
      ),
    ];
  }

  #startReader(
    name: string,
    subject: string,
    slots: number,
    handle: (message: PulledMessage, signal: AbortSignal) => Promise<BatchResult>,
  ): QueueReader {
    const { nats } = this.#parts;
    const { stream, ackWaitMs, maxPending } = stores.schedules;
    const consumer: DurableConsumer = {
      ...{ stream, name, owner: "narun", ackWaitMs, maxPending, from: "first" },
      filters: [nats.world.toWire(subject)],
    };
    const reader = new QueueReader({
      ...{ nats, consumer, givenBack: createGivenBack(nats, consumer) },
      ...{ size: 1, waitMs: 0, slots },
      policy: { maxDeliver: Number.POSITIVE_INFINITY, minMs: 200, maxMs: 10_000 },
      handle: async ([message], signal) => (message === undefined ? DONE : handle(message, signal)),
      bury: async () => undefined,
      events: this.#eventsOf(name),
    });
    reader.start();
    return reader;
  }

  #eventsOf(consumer: string): QueueEvents {
    const { log } = this.#parts;
    return {
      state: (state) => {
        if (state.kind === "foreign" || state.kind === "refused" || state.kind === "stream-missing")
          log.warn({ consumer, ...state }, "schedules cannot be read");
      },
      settled: () => undefined,
      depth: () => undefined,
      fault: (error, doing) => log.warn({ consumer, error: messageOf(error) }, `could not ${doing}`),
    };
  }

  /** Brings the states of a function's schedules to its definitions. */
  async #define(name: string): Promise<void> {
    const store = await this.#open();
    const found = await this.#definitionsOf(name);
    if (found === undefined) return;
    for await (const { schedule } of store.list(name)) {
      if (!found.definitions.has(schedule)) await this.#remove(store, { function: name, schedule });
    }
    const nowMs = await store.nowMs();
    for (const [schedule, definition] of found.definitions) {
      const rule = this.#ruleOf({ function: name, schedule }, definition, nowMs);
      if (rule === undefined) continue;
      await change(store, { function: name, schedule }, (before) => {
        const state = decideDefinition(before, { definition, specRevision: found.revision }, rule, nowMs);
        return state && { state };
      });
    }
  }

  /** Undefined: the function's entry cannot be read, and the last good one stays in force. */
  async #definitionsOf(
    name: string,
  ): Promise<{ definitions: Map<string, Schedule>; revision: number } | undefined> {
    const read = await (await openSpecs(this.#parts.nats)).get(name);
    if (read?.ok === false) return undefined;
    const schedules = read?.value.kind === "function" ? (read.value.spec.schedule ?? []) : [];
    const definitions = new Map(schedules.map((one, at) => [scheduleName(one, at), one]));
    return { definitions, revision: read?.revision ?? 0 };
  }

  #ruleOf(
    { function: name, schedule }: ScheduleKey,
    { cron, zone }: Schedule,
    nowMs: number,
  ): TickRule | undefined {
    const reading = readRule(cron, zone, nowMs);
    if (reading.ok) return reading.rule;
    this.#parts.log.error(
      { function: name, schedule, cron, error: reading.issue },
      "a schedule has no ticks",
    );
    return undefined;
  }

  async #remove(store: ScheduleStore, key: ScheduleKey): Promise<void> {
    const stored = await change(store, key, (before) =>
      before === undefined ? undefined : { state: decideRemoval(before) },
    );
    if (stored === undefined) return;
    await store.deleteRecords(key);
    await store.delete(stored.seq);
  }

  /** Sends missing alarms and runs, and removes schedules that no function has. */
  async #look(): Promise<void> {
    const store = await this.#open();
    const all = await Array.fromAsync(store.list());
    const messages = await store.messages();
    const gone = new Set<string>();
    for (const stored of all) {
      if (stored.state.isRemoved === true) gone.add(stored.function);
      else await repair(store, stored, messages);
    }
    for (const name of new Set(all.map((stored) => stored.function))) {
      const found = await this.#definitionsOf(name);
      if (gone.has(name) || (found !== undefined && !hasAll(found.definitions, all, name)))
        await this.#define(name);
    }
  }

  async #onAlarm(store: ScheduleStore, message: PulledMessage): Promise<BatchResult> {
    const key = keyOf(message.subject);
    const alarmMs = Number(Buffer.from(message.data).toString());
    const stored = await store.read(key);
    if (stored === undefined || stored.state.isRemoved === true) return DONE;
    if (stored.state.nextMs !== alarmMs) {
      // The alarm was replaced, or its handler died after the state.
      await repair(store, stored, await store.messages(), { isHandled: true });
      return DONE;
    }
    const nowMs = Math.max(await this.#nowMs(store, message), alarmMs);
    const { definition } = stored.state;
    const rule = this.#ruleOf(key, definition, nowMs);
    if (rule === undefined) return DONE;
    const changed = await change(store, key, (before) => decideAlarm(before, alarmMs, rule, nowMs));
    if (changed !== undefined) this.#metrics.onTick(nowMs - alarmMs);
    return DONE;
  }

  /** The server's clock: that of the message where it came at once, else the server is asked. */
  async #nowMs(store: ScheduleStore, { storedAt }: PulledMessage): Promise<number> {
    const storedMs = storedAt.getTime();
    return Math.abs(Date.now() - storedMs) < PROMPT_MS ? storedMs : store.nowMs();
  }
}

function decideAlarm(
  before: ScheduleState | undefined,
  alarmMs: number,
  rule: TickRule,
  nowMs: number,
): ReturnType<typeof decideDue> | undefined {
  return before?.nextMs === alarmMs ? decideDue(before, rule, nowMs) : undefined;
}

function hasAll(
  definitions: ReadonlyMap<string, Schedule>,
  all: readonly ScheduleKey[],
  name: string,
): boolean {
  const states = all.filter((one) => one.function === name);
  return states.length === definitions.size && states.every(({ schedule }) => definitions.has(schedule));
}
