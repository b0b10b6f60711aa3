const STEPS: readonly [unit: string, ms: number][] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
];

/** How long ago a moment (ISO 8601) was, in its largest unit: `3d`, `12m`, `0s`. */
export function formatAge(since: string, nowMs: number = Date.now()): string {
  const elapsedMs = Math.max(0, nowMs - Date.parse(since));
  const [unit, ms] = STEPS.find(([, size]) => elapsedMs >= size) ?? ["s", 1_000];
  return Number.isNaN(elapsedMs) ? "-" : `${Math.floor(elapsedMs / ms)}${unit}`;
}
