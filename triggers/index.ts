export { createTriggerCalls, type TriggerCall, type TriggerCalls, type TriggerOutcome } from "./call.ts";
export type { KindEntry, TriggerMetric } from "./kind.ts";
export { createTriggers, type Triggers, type TriggersOptions } from "./triggers.ts";
