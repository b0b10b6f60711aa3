/** A length of time: milliseconds, or a text such as `30 seconds`, `1 day`, `1h 30m`. */
export type Duration = number | string;

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  millisecond: 1,
  s: 1_000,
  sec: 1_000,
  second: 1_000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  w: 604_800_000,
  week: 604_800_000,
};

/** The longest time: a hundred years. */
const MAX_MS = 36_525 * 86_400_000;
const MAX_LENGTH = 100;
const PART = /^(\d{1,15}(?:\.\d{1,9})?) ?([a-z]+)(?:,? |$)?/;

/** The milliseconds of a duration. Throws a TypeError where it is none. */
export function millisecondsOf(duration: Duration, label: string): number {
  const ms = typeof duration === "number" ? duration : sumOf(duration);
  if (!Number.isFinite(ms) || ms < 0 || ms > MAX_MS)
    throw new TypeError(
      `${label}: ${JSON.stringify(duration)} is no duration, such as "30 seconds", "1 day" or 500`,
    );
  return Math.ceil(ms);
}

function sumOf(text: unknown): number {
  if (typeof text !== "string" || text.length > MAX_LENGTH) return Number.NaN;
  let rest = text.trim().toLowerCase().replace(/\s+/g, " ");
  let sum = rest === "" ? Number.NaN : 0;
  while (rest !== "") {
    const [whole = "", count, unit = ""] = PART.exec(rest) ?? [];
    const ms = UNITS[unit] ?? UNITS[unit.replace(/s$/, "")];
    if (whole === "" || ms === undefined) return Number.NaN;
    sum += Number(count) * ms;
    rest = rest.slice(whole.length);
  }
  return sum;
}
