export { createTriggerCalls, type TriggerCall, type TriggerCalls, type TriggerOutcome } from "./call.ts";
