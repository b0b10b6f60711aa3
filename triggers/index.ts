export { createTriggerCalls, type TriggerCalls } from "./call.ts";
export type { KindEntry, TriggerMetric } from "./kind.ts";
export type { ScheduleOrder, ScheduleSummary } from "./schedules/schedule-orders.ts";
export { createTriggers } from "./triggers.ts";

/** Questions and orders about schedules. A node loads none of it. */
export const loadScheduleOrders = () => import("./schedules/schedule-orders.ts");
