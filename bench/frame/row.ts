/** A row of the report: its figures, its targets and the verdicts on them. No I/O. */
import { median } from "../figures.ts";

/** The full size of a measurement, or its size under `--quick`. */
export type Size = (full: number, quick: number) => number;

/** One measurement of one system. */
export interface Sample {
  value: number;
  /** Default 0. A row with errors misses its targets. */
  errors?: number;
}

/**
 * A bound of the figure of narun. With `of`, the bound is a ratio to the figure of that peer in the same run; without it, a
 * figure in the unit of the row.
 */
export type Target = ({ atLeast: number } | { atMost: number }) & {
  of?: string;
  /** How far the figure is behind the target, as a factor: the quick form keeps it from falling further. Default 1. */
  behind?: number;
};

export interface Row {
  name: string;
  /** The unit of the figures, like `requests/s`. */
  unit: string;
  targets: readonly Target[];
}

/** The figure of one system in one row. */
export interface Figure {
  median: number;
  /** The difference of the highest and the lowest value, as a share of the median. */
  spread: number;
  errors: number;
}

export type Verdict = { verdict: "reached" | "missed"; why?: string } | { verdict: "skipped"; why: string };

export type Judged = Target & Verdict & { ratio?: number };

/** A row after its measurement. */
export interface Result {
  name: string;
  unit: string;
  figures: Readonly<Record<string, Figure>>;
  targets: readonly Judged[];
  /** Why nothing could be measured. A run with an error has missed. */
  error?: string;
}

/** The system that the targets judge. */
export const OURS = "narun";

export function figureOf(samples: readonly Sample[]): Figure {
  const values = samples.map(({ value }) => value);
  const middle = median(values);
  return {
    median: middle,
    spread: middle === 0 || values.length === 0 ? 0 : (Math.max(...values) - Math.min(...values)) / middle,
    errors: samples.reduce((sum, { errors = 0 }) => sum + errors, 0),
  };
}

/**
 * Compares the figure of narun with one target. `slack` widens the target: 2 takes half of a lower bound and twice an upper
 * bound. `whyAbsent` gives the reason for a peer without a figure.
 */
export function judge(
  figures: Readonly<Record<string, Figure>>,
  target: Target,
  { slack, whyAbsent }: { slack: number; whyAbsent: (peer: string) => string },
): Judged {
  const ours = figures[OURS];
  if (ours === undefined) return { ...target, verdict: "skipped", why: whyAbsent(OURS) };
  const peer = target.of === undefined ? undefined : figures[target.of];
  if (target.of !== undefined && peer === undefined)
    return { ...target, verdict: "skipped", why: whyAbsent(target.of) };
  const ratio = peer === undefined ? ours.median : ours.median / peer.median;
  const errors = ours.errors + (peer?.errors ?? 0);
  const judged = { ...target, ...(peer === undefined ? {} : { ratio }) };
  if (errors > 0) return { ...judged, verdict: "missed", why: `${errors} errors` };
  const room = slack === 1 ? 1 : slack * (target.behind ?? 1);
  const isReached = "atLeast" in target ? ratio >= target.atLeast / room : ratio <= target.atMost * room;
  return { ...judged, verdict: isReached ? "reached" : "missed" };
}

/** The results of a second measurement, but of a row that misses in it alone those of the first. */
export function betterOf(first: readonly Result[], second: readonly Result[]): Result[] {
  const reached = new Map(
    first.filter((result) => !hasMissed([result])).map((result) => [result.name, result]),
  );
  return second.map((result) => (hasMissed([result]) ? (reached.get(result.name) ?? result) : result));
}

export function hasMissed(results: readonly Result[]): boolean {
  return results.some(
    ({ targets, error }) => error !== undefined || targets.some(({ verdict }) => verdict === "missed"),
  );
}
