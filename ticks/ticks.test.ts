import { expect, it } from "vitest";
import { dueTicks, readRule, type TickRule } from "./index.ts";

const NOW = Date.parse("2026-11-30T00:00:00Z");

function ruleOf(cron: string, zone?: string): TickRule {
  const reading = readRule(cron, zone, NOW);
  if (!reading.ok) throw new Error(reading.issue);
  return reading.rule;
}

function nextTicks(rule: TickRule, from: string, count: number, anchor = from): string[] {
  let at: number | undefined = Date.parse(from);
  const ticks: string[] = [];
  while (ticks.length < count && at !== undefined) {
    at = rule.next(at, Date.parse(anchor));
    if (at !== undefined) ticks.push(new Date(at).toISOString().replace(":00.000Z", "Z"));
  }
  return ticks;
}

it.each([
  ["0 0 30 2 *", undefined, "cron", "it never fires: no month of 2 has a day 30"],
  ["0 0 31 4,JUN *", undefined, "cron", "it never fires: no month of 4,JUN has a day 31"],
  ["0 0 0 31 2 *", "Europe/Berlin", "cron", "it never fires: no month of 2 has a day 31"],
  ["@reboot", undefined, "cron", "it never fires: a function has no boot of its own"],
  ["@fortnightly", undefined, "cron", "@fortnightly is none of @yearly"],
  ["* * * *", undefined, "cron", "it has 4 fields, and needs five"],
  ["0 0 0 1 1 * 2020", undefined, "cron", "it has 7 fields, and needs five"],
  ["2026-12-01T00:00:00", undefined, "cron", "it has 1 field, and needs five"],
  ["60 * * * *", undefined, "cron", "minute: 60"],
  ["H * * * *", undefined, "cron", "illegal characters"],
  ["*/0 * * * *", undefined, "cron", "0"],
  ["@every", undefined, "cron", "@every needs a time such as 90s"],
  ["@every 1500ms", undefined, "cron", "@every counts whole seconds"],
  ["@every 1.5h", undefined, "cron", "@every counts whole seconds"],
  ["@every 0s", undefined, "cron", "the shortest is 1s"],
  ["@every 999d", undefined, "cron", "at most 366d"],
  ["@every 5m", "Europe/Berlin", "zone", "has no time zone"],
  ["0 3 * * *", "Europe/Berln", "zone", '"Europe/Berln" is no time zone; did you mean Europe/Berlin?'],
  ["0 3 * * *", "+01:00", "zone", '"+01:00" is no time zone'],
])("refuses %s in %s", (cron, zone, key, issue) => {
  const reading = readRule(cron, zone, NOW);
  expect(reading).toEqual({ ok: false, key, issue: expect.stringContaining(issue) });
});

it("takes five and six fields, nicknames and the last Friday of a month", () => {
  const from = "2026-11-30T00:00:00Z";
  expect(nextTicks(ruleOf("*/20 * * * *"), from, 2)).toEqual(["2026-11-30T00:20Z", "2026-11-30T00:40Z"]);
  expect(nextTicks(ruleOf("30 0 12 * * MON"), from, 1)).toEqual(["2026-11-30T12:00:30.000Z"]);
  expect(nextTicks(ruleOf("@hourly"), from, 1)).toEqual(["2026-11-30T01:00Z"]);
  expect(nextTicks(ruleOf("0 9 * * FRI#L"), from, 2)).toEqual(["2026-12-25T09:00Z", "2027-01-29T09:00Z"]);
  expect(nextTicks(ruleOf("0 0 L * *", "Asia/Tokyo"), from, 1)).toEqual(["2026-12-30T15:00Z"]);
});

it("counts @every from its anchor in whole periods", () => {
  const rule = ruleOf("@every 1m30s");
  const anchor = "2026-11-30T10:17:05.400Z";
  expect(nextTicks(rule, anchor, 2)).toEqual(["2026-11-30T10:18:35.000Z", "2026-11-30T10:20:05.000Z"]);
  expect(nextTicks(rule, "2026-11-30T12:00:00Z", 1, anchor)).toEqual(["2026-11-30T12:00:35.000Z"]);
  expect(rule.last(Date.parse("2026-11-30T10:18:34Z"), Date.parse(anchor), 5)).toEqual([]);
});

it("is due on each leap day, and on no other 29 February", () => {
  const leap = ruleOf("0 12 29 2 *", "America/New_York");
  expect(nextTicks(leap, "2026-11-30T00:00:00Z", 2)).toEqual(["2028-02-29T17:00Z", "2032-02-29T17:00Z"]);
});

it("runs a fixed time once where clocks go back, and after the gap where they go forward", () => {
  const nightly = ruleOf("30 2 * * *", "Europe/Berlin");
  expect(nextTicks(nightly, "2026-10-24T22:00:00Z", 2)).toEqual(["2026-10-25T00:30Z", "2026-10-26T01:30Z"]);
  expect(nextTicks(nightly, "2026-03-28T22:00:00Z", 2)).toEqual(["2026-03-29T01:00Z", "2026-03-30T00:30Z"]);
  const twice = ruleOf("30 2,14 * * *", "Europe/Berlin");
  expect(nextTicks(twice, "2026-10-24T22:00:00Z", 2)).toEqual(["2026-10-25T00:30Z", "2026-10-25T13:30Z"]);
});

it("goes on by the time that passes where a rule has wildcards", () => {
  const half = ruleOf("*/30 * * * *", "Europe/Berlin");
  expect(nextTicks(half, "2026-10-24T23:30:00Z", 5).map((tick) => tick.slice(11, 16))).toEqual([
    "00:00",
    "00:30",
    "01:00",
    "01:30",
    "02:00",
  ]);
  expect(nextTicks(half, "2026-03-29T00:00:00Z", 3).map((tick) => tick.slice(11, 16))).toEqual([
    "00:30",
    "01:00",
    "01:30",
  ]);
});

it("gives the last ticks between two instants, and says whether there were more", () => {
  const rule = ruleOf("* * * * *");
  const due = (afterMs: number, untilMs: number, max: number) =>
    dueTicks(rule, { afterMs, untilMs, anchorMs: 0, max });
  expect(due(NOW, NOW + 59_999, 10)).toEqual({ ticks: [], hasOlder: false });
  expect(due(NOW, NOW + 180_500, 10)).toEqual({
    ticks: [NOW + 60_000, NOW + 120_000, NOW + 180_000],
    hasOlder: false,
  });
  expect(due(NOW, NOW + 180_000, 2)).toEqual({ ticks: [NOW + 120_000, NOW + 180_000], hasOlder: true });
});
