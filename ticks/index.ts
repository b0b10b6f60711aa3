export { dueTicks, readRule, type TickRule } from "./rule.ts";
