export { aborted } from "./aborted.ts";
export type { Reply, SendableHead } from "./carrier.ts";
export { Direct, type NearInstances } from "./direct.ts";
export { Dispatch, type ShortPath } from "./dispatch.ts";
export type { Dispatcher } from "./dispatcher.ts";
export type { HoldLimits } from "./hold.ts";
export type { InstanceFacts } from "./instance.ts";
export type {
  ColdTiming,
  Dispatched,
  DispatchObserver,
  DispatchRequest,
  Outcome,
  Result,
} from "./job.ts";
export type { Log } from "./log.ts";
export { pauseOf } from "./pause.ts";
export { createRelay, type Relay } from "./relay.ts";
export type { SpecFeed } from "./spec-feed.ts";
export type { Specs } from "./specs.ts";
