export { aborted } from "./aborted.ts";
export { createDemand } from "./demand.ts";
export { Dispatcher } from "./dispatcher.ts";
export { defaultHoldLimits, type HoldLimits } from "./hold.ts";
export { createInstanceInquiries } from "./inquiries.ts";
export { createInstances } from "./instances.ts";
export type { ColdTiming, DispatchObserver, Outcome, Result } from "./job.ts";
export type { Log } from "./log.ts";
export { createSpecs } from "./specs.ts";
