/** Ticks beside a reference that looks at every minute: it knows no cron library, and reads the clock of the zone by Intl. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { readRule } from "./index.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** How far the reference reads behind an instant, so that it knows a repeated hour: no clock goes back by more. */
const BEHIND_MS = 4 * 3_600_000;

/** Zones with every kind of change: by an hour, half an hour, at midnight, twice within weeks, and none. */
const ZONES = [
  ...["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Beirut", "UTC"],
  ...["America/St_Johns", "Pacific/Chatham", "Africa/Casablanca", "Asia/Kathmandu", "America/Santiago"],
];

interface Wall {
  minute: number;
  hour: number;
  day: number;
  month: number;
  weekday: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();
const offsets = new Map<string, number>();
/** Clocks of our days change at full quarters of an hour. */
const QUARTER_MS = 15 * MINUTE_MS;

/** The clock on the wall, as if it were UTC. */
function wallMs(zone: string, ms: number): number {
  const quarter = Math.floor(ms / QUARTER_MS);
  const key = `${zone} ${quarter}`;
  const offset = offsets.get(key) ?? readWall(zone, quarter * QUARTER_MS) - quarter * QUARTER_MS;
  offsets.set(key, offset);
  return ms + offset;
}

function readWall(zone: string, ms: number): number {
  const format =
    formats.get(zone) ??
    new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      ...{ year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric" },
    });
  formats.set(zone, format);
  const parts = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day, hour, minute } = parts;
  return Date.UTC(year, month - 1, day, hour, minute);
}

function wallOf(ms: number): Wall {
  const date = new Date(ms);
  return {
    minute: date.getUTCMinutes(),
    hour: date.getUTCHours(),
    day: date.getUTCDate(),
    month: date.getUTCMonth() + 1,
    weekday: date.getUTCDay(),
  };
}

function inField(field: string, value: number, first: number, last: number): boolean {
  return field.split(",").some((part) => {
    const [range = "", step = "1"] = part.split("/");
    const [from = first, to = from] = range === "*" ? [first, last] : range.split("-").map(Number);
    return value >= from && value <= to && (value - from) % Number(step) === 0;
  });
}

function matches(
  [minute = "", hour = "", day = "", month = "", weekday = ""]: string[],
  wall: Wall,
): boolean {
  const isDay = inField(day, wall.day, 1, 31);
  const isWeekday = inField(weekday, wall.weekday, 0, 6);
  const isDate = day === "*" || weekday === "*" ? isDay && isWeekday : isDay || isWeekday;
  return (
    inField(minute, wall.minute, 0, 59) &&
    inField(hour, wall.hour, 0, 23) &&
    inField(month, wall.month, 1, 12) &&
    isDate
  );
}

function referenceTicks(fields: string[], zone: string, fromMs: number, untilMs: number): number[] {
  const isFixed = !/[*/]/.test(`${fields[0]} ${fields[1]}`);
  const ticks: number[] = [];
  let latest = wallMs(zone, fromMs - BEHIND_MS) - MINUTE_MS;
  for (let ms = fromMs - BEHIND_MS; ms <= untilMs; ms += MINUTE_MS) {
    const wall = wallMs(zone, ms);
    let isDue = matches(fields, wallOf(wall)) && !(isFixed && wall <= latest);
    // Minutes that the clock leaves out are due when it has left them out.
    for (let skipped = latest + MINUTE_MS; isFixed && skipped < wall; skipped += MINUTE_MS) {
      isDue ||= matches(fields, wallOf(skipped));
    }
    latest = Math.max(latest, wall);
    if (isDue && ms > fromMs) ticks.push(ms);
  }
  return ticks;
}

/** Midnights after each change of the zone's clock in two years. */
function changesOf(zone: string): number[] {
  const from = Date.UTC(2027, 0, 1);
  const days = Array.from({ length: 2 * 366 }, (_, at) => from + at * DAY_MS);
  return days.filter((ms) => wallMs(zone, ms) - ms !== wallMs(zone, ms - DAY_MS) - (ms - DAY_MS));
}

const changes = new Map(ZONES.map((zone) => [zone, [Date.UTC(2028, 1, 28, 20), ...changesOf(zone)]]));

const listOf = (min: number, max: number) =>
  fc
    .uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: 3 })
    .map((values) => values.sort((a, b) => a - b).join(","));
const rangeOf = (min: number, max: number) =>
  fc
    .tuple(fc.integer({ min, max }), fc.integer({ min, max }))
    .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
const fieldOf = (min: number, max: number, steps: readonly number[]) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant("*") },
    { weight: 3, arbitrary: listOf(min, max) },
    { weight: 2, arbitrary: rangeOf(min, max) },
    { weight: 2, arbitrary: fc.constantFrom(...steps).map((step) => `*/${step}`) },
    {
      weight: 1,
      arbitrary: fc.tuple(rangeOf(min, max), fc.constantFrom(...steps)).map((two) => two.join("/")),
    },
  );
/** Hours in which clocks change come more often. */
const hours = fc.oneof(fieldOf(0, 23, [2, 3, 6]), listOf(0, 4), rangeOf(0, 4));
const rules = fc.record({
  fields: fc.tuple(
    ...[fieldOf(0, 59, [7, 15, 20, 30]), hours, fieldOf(1, 31, [2, 5])],
    ...[fc.oneof(fc.constant("*"), fieldOf(1, 12, [2, 3])), fieldOf(0, 6, [2, 3])],
  ),
  zone: fc.constantFrom(...ZONES),
  change: fc.nat(20),
  beforeMinutes: fc.integer({ min: 0, max: 36 * 60 }),
});

it("agrees with a look at every minute, in both directions, over changes of clocks and a leap day", () => {
  const property = fc.property(rules, ({ fields, zone, change, beforeMinutes }) => {
    const near = changes.get(zone) ?? [];
    const fromMs = (near[change % near.length] ?? 0) - beforeMinutes * MINUTE_MS;
    const untilMs = fromMs + 2 * DAY_MS;
    const reading = readRule(fields.join(" "), zone, fromMs);
    // Days that no month has; whether a rule is refused rightly shows in the reference, too.
    const expected = referenceTicks(fields, zone, fromMs, untilMs);
    if (!reading.ok) return expect(expected).toEqual([]);
    const { rule } = reading;
    const forward: number[] = [];
    let at = rule.next(fromMs, 0);
    while (at !== undefined && at <= untilMs) {
      forward.push(at);
      at = rule.next(at, 0);
    }
    expect(forward).toEqual(expected);
    const backward = rule.last(untilMs, 0, expected.length + 1).filter((tick) => tick > fromMs);
    expect(backward).toEqual(expected);
  });
  fc.assert(property, { numRuns: Number(process.env.NARUN_TEST_RUNS ?? 60), endOnFailure: true });
});
