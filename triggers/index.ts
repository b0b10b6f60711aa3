export { createTriggerCalls, type TriggerCall, type TriggerCalls, type TriggerOutcome } from "./call.ts";
export { createTriggers, type TriggerMetric, type Triggers, type TriggersOptions } from "./triggers.ts";
