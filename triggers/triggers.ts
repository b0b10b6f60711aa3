/**
 * The triggers of a node: every node-runner has them, and they meet on NATS alone.
 *
 * I1  A kind of trigger is loaded when the first function needs it.
 * I2  A kind hears of a function in the order of its changes, and once more when the function no longer needs it.
 */
import type { FunctionSpec } from "../contracts/index.ts";
import { createTriggerCalls } from "./call.ts";
import type { KindEntry, TriggerKind, TriggerMetric, TriggerParts } from "./kind.ts";

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

export interface TriggersOptions extends Omit<TriggerParts, "calls"> {
  /** Kinds of other parts. Default: none. */
  kinds?: readonly KindEntry[];
}

export function createTriggers({ kinds: others = [], ...parts }: TriggersOptions): Triggers {
  const calls = createTriggerCalls({ nats: parts.nats, log: parts.log });
  const kinds = [...KINDS, ...others].map((entry) => new Kind(entry, { ...parts, calls }));
  return {
    onSpec(name, spec) {
      for (const kind of kinds) kind.onSpec(name, spec);
    },
    metrics: () => kinds.flatMap((kind) => kind.metrics()),
    async drain(grace) {
      await Promise.all(kinds.map((kind) => kind.drain(grace)));
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
