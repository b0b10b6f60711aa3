import type { FunctionSpec } from "../../contracts/index.ts";
import type { Log } from "../../dispatch/index.ts";
import type { Nats } from "../../nats/index.ts";
import type { EventMetrics } from "./event-metrics.ts";

/** Bounds of the readers of events at one gateway. */
export interface EventLimits {
  /** Upper bound of the readers. Default 2,000: each costs a connection and some 30 KiB. */
  maxReaders: number;
  /** How long a reader may take nothing before it is cut. Default 60 s, as long as mobile clients are away. */
  stalledMs: number;
  /** How often a reader at the end is told its place. Default 15 s: proxies cut a stream that is silent for 30 s. */
  beatMs: number;
}

export interface EventDoorOptions {
  nats: Nats;
  specs(): Iterable<FunctionSpec>;
  limits?: Partial<EventLimits> | undefined;
  metrics: EventMetrics;
  log: Log;
}
