/** The table at the end of a run: one line for each target, and one for each row without a target. */
import { inUnit } from "../figures.ts";
import { type Judged, OURS, type Result, type Target } from "./row.ts";

const HEAD = ["row", "narun", "target", "measured", "verdict"];

export function formatTable(results: readonly Result[]): string {
  const lines = [HEAD, ...results.flatMap(linesOf)];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "))
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}

function linesOf({ name, unit, figures, targets, error }: Result): string[][] {
  if (error !== undefined) return [[name, "", "", "", `failed: ${error}`]];
  const ours = figures[OURS] === undefined ? "" : inUnit(figures[OURS].median, unit);
  if (targets.length === 0) return [[name, ours, "", "", "no target"]];
  return targets.map((target) => [
    name,
    ours,
    formatTarget(target, unit),
    ratioOf(target),
    verdictOf(target),
  ]);
}

export function formatTarget(target: Target, unit: string): string {
  const [sign, bound] = "atLeast" in target ? ["≥", target.atLeast] : ["≤", target.atMost];
  return `${sign} ${bound} ${target.of === undefined ? unit : `× ${target.of}`}`.trimEnd();
}

function ratioOf({ ratio }: Judged): string {
  return ratio === undefined ? "" : `${ratio.toFixed(3)} ×`;
}

function verdictOf({ verdict, why }: Judged): string {
  return why === undefined ? verdict : `${verdict}: ${why}`;
}
