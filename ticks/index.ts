export { dueTicks, readRule } from "./rule.ts";
export type { TickRule } from "./tick-rule.ts";
