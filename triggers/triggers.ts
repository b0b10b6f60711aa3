/**
 * The triggers of a node: every node-runner has them, and they meet on NATS alone.
 *
 * I1  A kind of trigger is loaded when the first function needs it.
 * I2  A kind hears of a function in the order of its changes, and once more when the function no longer needs it.
 */
import type { FunctionSpec } from "../contracts/index.ts";
import type { Log } from "../dispatch/index.ts";
import type { Nats, SecretsKey } from "../nats/index.ts";
import { createTriggerCalls, type TriggerCalls } from "./call.ts";
import { WaitingCalls } from "./waiting-calls.ts";

/** What every kind of trigger gets. */
export interface TriggerParts {
  /** Stays its owner's. */
  nats: Nats;
  calls: TriggerCalls;
  /** The name of this node. */
  node: string;
  /** The master key of secrets, where the node has it. */
  secretsKey: SecretsKey | undefined;
  /** The rules of egress that no function overrides. */
  egressDeny: readonly string[];
  log: Log;
}

/** One metric: its name, its kind and help, and its values. */
export interface TriggerMetric {
  name: string;
  type: "gauge" | "counter";
  help: string;
  values: readonly { labels: Readonly<Record<string, string>>; value: number }[];
}

/** One kind of trigger, for all functions that need it. */
export interface TriggerKind {
  /** The spec of a function that needs it, or undefined where it no longer does. */
  onSpec(name: string, spec: FunctionSpec | undefined): void;
  /** Begins nothing new; finishes what is under way, within `graceMs`. */
  drain(options: { graceMs: number }): Promise<void>;
  metrics?(): TriggerMetric[];
}

interface KindEntry {
  /** Whether a function needs it. */
  isNeeded(spec: FunctionSpec): boolean;
  load(parts: TriggerParts): Promise<TriggerKind>;
}

const KINDS: readonly KindEntry[] = [
  {
    isNeeded: ({ consume = [] }) => consume.length > 0,
    load: async (parts) => (await import("./queues/index.ts")).createQueues(parts),
  },
];

export interface Triggers {
  onSpec(name: string, spec: FunctionSpec | undefined): void;
  metrics(): TriggerMetric[];
  /** Begins nothing new; finishes what is under way, within `graceMs`. */
  drain(options: { graceMs: number }): Promise<void>;
}

export type TriggersOptions = Omit<TriggerParts, "calls">;

export function createTriggers(options: TriggersOptions): Triggers {
  const calls = createTriggerCalls({ nats: options.nats, log: options.log });
  const parts = { ...options, calls };
  const kinds = KINDS.map((entry) => new Kind(entry, parts));
  const waiting = new WaitingCalls(parts);
  return {
    onSpec(name, spec) {
      for (const kind of kinds) kind.onSpec(name, spec);
    },
    metrics: () => [...kinds, waiting].flatMap((kind) => kind.metrics()),
    async drain(grace) {
      await Promise.all([...kinds, waiting].map((kind) => kind.drain(grace)));
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
  }

  onSpec(name: string, spec: FunctionSpec | undefined): void {
    const needed = spec !== undefined && this.#entry.isNeeded(spec) ? spec : undefined;
    if (needed === undefined && !this.#names.delete(name)) return;
    if (needed !== undefined) this.#names.add(name);
    this.#loading ??= this.#entry.load(this.#parts).then((kind) => {
      this.#loaded = kind;
      return kind;
    });
    void this.#loading.then((kind) => {
      if (!this.#isDraining) kind.onSpec(name, needed);
    });
  }

  metrics(): TriggerMetric[] {
    return this.#loaded?.metrics?.() ?? [];
  }

  async drain(grace: { graceMs: number }): Promise<void> {
    this.#isDraining = true;
    await (await this.#loading)?.drain(grace);
  }
}
