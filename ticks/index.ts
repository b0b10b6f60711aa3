export { type DueTicks, dueTicks, type RuleReading, readRule, type TickRule } from "./rule.ts";
