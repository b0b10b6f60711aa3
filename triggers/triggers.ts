/**
 * The triggers of a node: every node-runner has them, and they meet on NATS alone.
 *
 * I1  A kind of trigger is loaded when the first function needs it, or where functions that needed it have left states.
 * I2  A kind hears of a function in the order of its changes, and once more when the function no longer needs it.
 */
import { type EventHandler, type FunctionSpec, messageOf } from "../contracts/index.ts";
import { findSchedules } from "../nats/index.ts";
import { createTriggerCalls } from "./call.ts";
import { EventSweep } from "./events/event-sweep.ts";
import type { KindEntry, TriggerKind, TriggerMetric, TriggerParts } from "./kind.ts";
import { SpecBook } from "./spec-book.ts";
import { WaitingCalls } from "./waiting-calls.ts";

const KINDS: readonly KindEntry[] = [
  {
    isLast: true,
    isNeeded: () => true,
    load: async (parts) => (await import("./responder/index.ts")).createResponder(parts),
  },
  {
    // A program hears its subjects by itself.
    isNeeded: ({ mode, subscribe = [] }) => mode !== "exec" && subscribe.length > 0,
    load: async (parts) => (await import("./subscriptions/index.ts")).createSubscriptions(parts),
  },
  {
    isNeeded: ({ schedule = [] }) => schedule.length > 0,
    hasStates: async ({ nats }) => (await findSchedules(nats))?.hasStates() ?? false,
    load: async (parts) => (await import("./schedules/index.ts")).createSchedules(parts),
  },
  {
    isNeeded: ({ consume = [] }) => consume.length > 0,
    load: async (parts) => (await import("./queues/index.ts")).createQueues(parts),
  },
  {
    isNeeded: (spec) => hasEvents(spec, ({ isDurable }) => isDurable),
    load: async (parts) => (await import("./events/index.ts")).createDurableEvents(parts),
  },
  {
    isNeeded: (spec) => hasEvents(spec, ({ isDurable, isForEach }) => !isDurable && !isForEach),
    load: async (parts) => (await import("./events/index.ts")).createHeardEvents(parts),
  },
  {
    isNeeded: (spec) => hasEvents(spec, ({ isDurable, isForEach }) => !isDurable && isForEach),
    load: async (parts) => (await import("./events/index.ts")).createEachEvents(parts),
  },
];

/** Whether a service has such a handler of events. */
function hasEvents(
  { interface: service }: FunctionSpec,
  isSuch: (handler: EventHandler) => boolean,
): boolean {
  return service?.events.some(isSuch) ?? false;
}

export interface Triggers {
  /** Listeners to the node-runner, and the metrics beside its own. */
  readonly hooks: {
    onSpec(name: string, spec: FunctionSpec | undefined): void;
    /** Resolves when instances of these functions may drain. */
    beforeDrain(names: readonly string[]): Promise<void>;
    moreMetrics(): TriggerMetric[];
  };
  /** Begins nothing new; finishes the calls under way, within `graceMs`. Plain requests are taken on. */
  drain(options: { graceMs: number }): Promise<void>;
  /** The instances of the node are gone. */
  close(options: { graceMs: number }): Promise<void>;
}

export interface TriggersOptions extends Omit<TriggerParts, "calls" | "specOf"> {
  /** Kinds of other parts. Default: none. */
  kinds?: readonly KindEntry[];
}

export function createTriggers({ kinds: others = [], ...parts }: TriggersOptions): Triggers {
  const specs = new SpecBook();
  const calls = createTriggerCalls({ nats: parts.nats, specs, traces: parts.traces, log: parts.log });
  const specOf = (name: string) => specs.get(name);
  const all: TriggerParts = { ...parts, calls, specOf };
  const kinds = [...KINDS, ...others].map((entry) => new Kind(entry, all));
  const waiting = new WaitingCalls(all);
  const sweep = new EventSweep(all);
  const drainThose = (isLast: boolean, grace: { graceMs: number }) =>
    Promise.all(kinds.filter((kind) => kind.isLast === isLast).map((kind) => kind.drain(grace)));
  return {
    hooks: {
      onSpec(name, spec) {
        specs.set(name, spec);
        for (const kind of [...kinds, waiting]) kind.onSpec(name, spec);
        sweep.onSpec();
      },
      async beforeDrain(names) {
        await Promise.all(kinds.map((kind) => kind.beforeDrain(names)));
      },
      moreMetrics: () => [...calls.counts.list(), ...[...kinds, waiting].flatMap((kind) => kind.metrics())],
    },
    async drain(grace) {
      sweep.close();
      await Promise.all([drainThose(false, grace), waiting.drain(grace)]);
    },
    async close(grace) {
      await drainThose(true, grace);
      calls.close();
    },
  };
}

class Kind {
  readonly #entry: KindEntry;
  readonly #parts: TriggerParts;
  /** The functions that need it. */
  readonly #names = new Set<string>();
  #loading: Promise<TriggerKind> | undefined;
  #loaded: TriggerKind | undefined;
  #isDraining = false;

  constructor(entry: KindEntry, parts: TriggerParts) {
    this.#entry = entry;
    this.#parts = parts;
    void this.#lookForStates();
  }

  async #lookForStates(): Promise<void> {
    try {
      const hasStates = await this.#entry.hasStates?.(this.#parts);
      if (hasStates === true && !this.#isDraining) await this.#load();
    } catch (error) {
      this.#parts.log.warn({ error: messageOf(error) }, "states of removed functions were not looked for");
    }
  }

  #load(): Promise<TriggerKind> {
    this.#loading ??= this.#entry.load(this.#parts).then((kind) => {
      this.#loaded = kind;
      return kind;
    });
    return this.#loading;
  }

  onSpec(name: string, spec: FunctionSpec | undefined): void {
    const needed = spec !== undefined && this.#entry.isNeeded(spec) ? spec : undefined;
    if (needed === undefined && !this.#names.delete(name)) return;
    if (needed !== undefined) this.#names.add(name);
    void this.#load().then((kind) => {
      if (!this.#isDraining) kind.onSpec(name, needed);
    });
  }

  get isLast(): boolean {
    return this.#entry.isLast === true;
  }

  async beforeDrain(names: readonly string[]): Promise<void> {
    await this.#loaded?.beforeDrain?.(names);
  }

  metrics(): TriggerMetric[] {
    return this.#loaded?.metrics?.() ?? [];
  }

  async drain(grace: { graceMs: number }): Promise<void> {
    this.#isDraining = true;
    await (await this.#loading)?.drain(grace);
  }
}
