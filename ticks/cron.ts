/** Rules of cron, by croner. */
import { Cron } from "croner";
import { messageOf } from "../contracts/index.ts";
import type { TickRule } from "./tick-rule.ts";

const NICKNAMES = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

const FIVE_FIELDS = 5;
const SIX_FIELDS = 6;

/** Reads fields or a nickname; returns the reason where it cannot, or where no tick comes after `nowMs`. */
export function readCron(text: string, zone: string, nowMs: number): TickRule | string {
  const issue = formIssue(text);
  if (issue !== undefined) return issue;
  try {
    const cron = parse(text, zone);
    if (cron.nextRun(new Date(nowMs)) === null) return `it never fires: ${whyNever(text, nowMs)}`;
    return createRule(cron);
  } catch (error) {
    return explain(messageOf(error));
  }
}

function formIssue(text: string): string | undefined {
  if (text === "@reboot")
    return "it never fires: a function has no boot of its own; use `scale.min` for what always runs";
  if (text.startsWith("@"))
    return NICKNAMES.includes(text) ? undefined : `${text} is none of ${NICKNAMES.join(", ")}, @every 5m`;
  const fields = text.split(/\s+/).length;
  if (fields === FIVE_FIELDS || fields === SIX_FIELDS) return undefined;
  return `it has ${fields} ${fields === 1 ? "field" : "fields"}, and needs five (minute, hour, day, month, weekday), or six with seconds first`;
}

/** "no-wildcard" is Vixie cron's rule where clocks jump. Croner's default takes `30 2,14 * * *` for an interval. */
function parse(text: string, zone: string): Cron {
  return new Cron(text, { timezone: zone, mode: "5-or-6-parts", fixedTimeRule: "no-wildcard", paused: true });
}

function createRule(cron: Cron): TickRule {
  return {
    next: (afterMs) => cron.nextRun(new Date(afterMs))?.getTime(),
    last: (untilMs, _anchorMs, count) =>
      // It takes ticks before an instant, and narun's include the instant.
      cron
        .previousRuns(count, new Date(Math.floor(untilMs / 1_000) * 1_000 + 1))
        .map((date) => date.getTime())
        .reverse(),
  };
}

/** Only days of the month that its months do not have leave a rule without a tick. */
function whyNever(text: string, nowMs: number): string {
  const fields = text.split(/\s+/);
  const [day, month] = fields.slice(-3);
  const inAnyMonth = fields.with(-2, "*").join(" ");
  const hasDay = parse(inAnyMonth, "UTC").nextRun(new Date(nowMs)) !== null;
  return hasDay ? `no month of ${month} has a day ${day}` : "no date matches its fields";
}

/** Croner's words begin with its own names. */
function explain(message: string): string {
  const [, reason = message] = /^(?:CronPattern|Cron|CronDate|CronMode)\s*:\s*(.*)$/s.exec(message) ?? [];
  return reason;
}
