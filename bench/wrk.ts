/** The report of `wrk --latency`. No I/O. */

export interface WrkResult {
  requestsPerSecond: number;
  /** Number of answers. */
  requests: number;
  /** The median time of a request, in milliseconds. */
  p50Ms: number;
  p99Ms: number;
  errors: number;
}

const MS_OF_UNIT: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000, m: 60_000 };

/** Throws if the text is not the report of a run. */
export function parseWrk(report: string): WrkResult {
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(report)?.[1];
  const requests = /^\s+(\d+) requests in /m.exec(report)?.[1];
  if (rate === undefined || requests === undefined) throw new Error(`wrk gave no figures: ${report}`);
  const socketErrors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(report);
  const statusErrors = /Non-2xx or 3xx responses: (\d+)/.exec(report)?.[1];
  return {
    requestsPerSecond: Number(rate),
    requests: Number(requests),
    p50Ms: percentileOf(report, 50),
    p99Ms: percentileOf(report, 99),
    errors: (socketErrors ?? [])
      .slice(1)
      .reduce((sum, count) => sum + Number(count), Number(statusErrors ?? 0)),
  };
}

function percentileOf(report: string, share: number): number {
  const [, value, unit = ""] =
    new RegExp(`^\\s+${share}%\\s+([\\d.]+)(us|ms|s|m)\\s*$`, "m").exec(report) ?? [];
  return Number(value) * (MS_OF_UNIT[unit] ?? Number.NaN);
}
