const STEPS: readonly [unit: string, ms: number][] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
];

/** The age of a moment (ISO 8601) in its largest unit: `3d`, `12m`, `0s`. */
export function formatAge(since: string, nowMs: number = Date.now()): string {
  const elapsedMs = Math.max(0, nowMs - Date.parse(since));
  const [unit, ms] = STEPS.find(([, size]) => elapsedMs >= size) ?? ["s", 1_000];
  return Number.isNaN(elapsedMs) ? "-" : `${Math.floor(elapsedMs / ms)}${unit}`;
}

/** A moment (ISO 8601) in local time, to the millisecond, with its date if that is not today. */
export function formatTime(moment: string, nowMs: number = Date.now()): string {
  const at = new Date(moment);
  if (Number.isNaN(at.getTime())) return "-";
  const date = dateOf(at);
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
  return date === dateOf(new Date(nowMs)) ? time : `${date} ${time}`;
}

function dateOf(at: Date): string {
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
