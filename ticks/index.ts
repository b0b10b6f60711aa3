export { type DueTicks, dueTicks, type RuleReading, readRule } from "./rule.ts";
export type { TickRule } from "./tick-rule.ts";
