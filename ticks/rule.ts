/**
 * The ticks of a schedule: the instants at which it is due, in epoch milliseconds, each at a whole second.
 *
 * I1  A rule is a pure function of its text, its zone and its anchor. Every process computes the same ticks.
 * I2  Clocks of the wall that jump are followed as Vixie cron does. A fixed time has no `*` and no step in its seconds, minutes
 *     and hours. It is due the first time where it occurs twice, and when the gap is over where it does not occur. Any other
 *     rule goes by the time that passes.
 */
import { readCron } from "./cron.ts";
import { readEvery } from "./every.ts";
import type { TickRule } from "./tick-rule.ts";
import { zoneIssue } from "./zone.ts";

/** A rule, or the reason why there is none. */
export type RuleReading = { ok: true; rule: TickRule } | { ok: false; key: "cron" | "zone"; issue: string };

/** The zone of a schedule that names none. */
const DEFAULT_ZONE = "UTC";

/**
 * Reads a rule: five or six fields (`L`, `W` and `#` are known), `@hourly` and its like, or `@every 90s`. `nowMs` is where a search
 * for a tick begins: a rule without one is refused.
 */
export function readRule(cron: string, zone: string | undefined, nowMs: number): RuleReading {
  const text = cron.trim();
  if (text.startsWith("@every")) {
    if (zone !== undefined) return refuse("zone", "@every counts the time that passes, and has no time zone");
    const every = readEvery(text);
    return typeof every === "string" ? refuse("cron", every) : { ok: true, rule: every };
  }
  const issue = zone === undefined ? undefined : zoneIssue(zone);
  if (issue !== undefined) return refuse("zone", issue);
  const rule = readCron(text, zone ?? DEFAULT_ZONE, nowMs);
  return typeof rule === "string" ? refuse("cron", rule) : { ok: true, rule };
}

export interface DueTicks {
  /** The oldest first. */
  ticks: number[];
  /** There are older ones, which are left out. */
  hasOlder: boolean;
}

/** Ticks that are looked for one by one. Where there are more, the last ones are computed backwards. */
const FEW = 8;

/** The ticks after one instant and up to another: the last `max` of them. */
export function dueTicks(
  rule: TickRule,
  { afterMs, untilMs, anchorMs, max }: { afterMs: number; untilMs: number; anchorMs: number; max: number },
): DueTicks {
  const few: number[] = [];
  for (let next = rule.next(afterMs, anchorMs); few.length < FEW; next = rule.next(next, anchorMs)) {
    if (next === undefined || next > untilMs) return { ticks: few.slice(-max), hasOlder: few.length > max };
    few.push(next);
  }
  const found = rule.last(untilMs, anchorMs, max + 1).filter((tick) => tick > afterMs);
  return { ticks: found.slice(-max), hasOlder: found.length > max };
}

function refuse(key: "cron" | "zone", issue: string): RuleReading {
  return { ok: false, key, issue };
}
