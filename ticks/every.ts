import type { TickRule } from "./tick-rule.ts";

const UNIT_SECONDS: Readonly<Record<string, number>> = { d: 86_400, h: 3_600, m: 60, s: 1 };
const DURATION = /^(?:\d{1,9}[dhms])+$/;
const MAX_SECONDS = 366 * 86_400;

/** Reads `@every 1h30m`; returns the reason where it cannot. */
export function readEvery(text: string): TickRule | string {
  const duration = text.slice("@every".length).trim();
  if (/\d\.|\d(?:ms|us|µs|ns)/.test(duration))
    return "@every counts whole seconds: write 90s or 1h30m, with the units d, h, m and s";
  if (!DURATION.test(duration)) return "@every needs a time such as 90s, 5m or 1h30m (units d, h, m and s)";
  const parts = duration.matchAll(/(\d+)([dhms])/g);
  const seconds = parts.reduce(
    (sum, [, count, unit = ""]) => sum + Number(count) * (UNIT_SECONDS[unit] ?? 0),
    0,
  );
  if (seconds < 1) return "@every 0s would be due without end; the shortest is 1s";
  if (seconds > MAX_SECONDS) return "@every takes at most 366d; use fields for rarer ticks";
  return createEvery(seconds * 1_000);
}

/** The anchor is no tick: the first one is a whole period later. */
function createEvery(periodMs: number): TickRule {
  const baseOf = (anchorMs: number) => Math.floor(anchorMs / 1_000) * 1_000;
  return {
    next(afterMs, anchorMs) {
      const passed = Math.max(0, Math.floor((afterMs - baseOf(anchorMs)) / periodMs));
      return baseOf(anchorMs) + (passed + 1) * periodMs;
    },
    last(untilMs, anchorMs, count) {
      const passed = Math.max(0, Math.floor((untilMs - baseOf(anchorMs)) / periodMs));
      const first = Math.max(1, passed - count + 1);
      return Array.from(
        { length: passed - first + 1 },
        (_, at) => baseOf(anchorMs) + (first + at) * periodMs,
      );
    },
  };
}
