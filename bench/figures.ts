/** Figures in the form of the report. */

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** Writes one figure of the report. */
export function print(name: string, value: string, out: NodeJS.WritableStream = process.stdout): void {
  out.write(`${name.padEnd(58)} ${value}\n`);
}

export function heading(text: string, out: NodeJS.WritableStream = process.stdout): void {
  out.write(`\n${text}\n`);
}

/** A figure with its unit, in three or more digits. */
export function inUnit(value: number, unit: string): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${unit}`.trimEnd();
}
