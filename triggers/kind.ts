/** The form of a kind of trigger. */
import type { FunctionSpec } from "../contracts/index.ts";
import type { Log } from "../dispatch/index.ts";
import type { Nats, SecretsKey } from "../nats/index.ts";
import type { Traces } from "../traces/index.ts";
import type { TriggerCalls } from "./call.ts";
import type { TriggerMetric } from "./metric.ts";

export type { TriggerMetric } from "./metric.ts";

/** The parts that every kind of trigger gets. */
export interface TriggerParts {
  /** Stays its owner's. */
  nats: Nats;
  calls: TriggerCalls;
  /** The spec of a function that is to run. */
  specOf(name: string): FunctionSpec | undefined;
  /** The name of this node. */
  node: string;
  /** The master key of secrets, where the node has it. */
  secretsKey: SecretsKey | undefined;
  /** The rules of egress that no function overrides. */
  egressDeny: readonly string[];
  /** Takes the spans of calls. Undefined: none are made. */
  traces?: Traces | undefined;
  log: Log;
}

/** One kind of trigger, for all functions that need it. */
export interface TriggerKind {
  /** The spec of a function that needs it, or undefined where it no longer does. */
  onSpec(name: string, spec: FunctionSpec | undefined): void;
  /** Begins nothing new; finishes the calls under way, within `graceMs`. */
  drain(options: { graceMs: number }): Promise<void>;
  /** Instances of these functions on this node are about to drain. */
  beforeDrain?(names: readonly string[]): Promise<void>;
  metrics?(): TriggerMetric[];
}

export interface KindEntry {
  /** It ends after the instances of the node, which it stands in for. */
  isLast?: boolean;
  /** Whether a function needs it. */
  isNeeded(spec: FunctionSpec): boolean;
  /** Whether NATS holds states of functions that may be gone. Then it is loaded at the start, to remove them. Default: no. */
  hasStates?(parts: TriggerParts): Promise<boolean>;
  load(parts: TriggerParts): Promise<TriggerKind>;
}
