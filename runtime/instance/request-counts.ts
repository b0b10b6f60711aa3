/**
 * The requests that the instances of a process take, by the way that they come: gateways see only the requests that pass them.
 *
 * I1  A request costs additions of plain numbers. The numbers leave the process together, `REPORT_MS` after the first change.
 */
import { type RequestReport, type RequestWay, requestBuckets } from "../host.ts";

/** How long changes wait for a report. */
const REPORT_MS = 1_000;

interface Count {
  inFlight: number;
  count: number;
  sumSeconds: number;
  /** The number of durations in each bucket, without those in the buckets before it. */
  buckets: number[];
  byStatus: Map<number | string, number>;
}

/** The ends of a request that was counted. `status`: of its answer, or the code of its failure. */
export type CountEnd = (status: number | string, durationMs: number) => void;

export class RequestCounts {
  readonly #report: (reports: readonly RequestReport[]) => void;
  readonly #counts = new Map<string, Map<RequestWay, Count>>();
  readonly #changed = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(report: (reports: readonly RequestReport[]) => void) {
    this.#report = report;
  }

  /** A request of a service has begun. The returned function is called at its end, once. */
  begin(service: string, way: RequestWay): CountEnd {
    const one = this.#of(service, way);
    one.inFlight += 1;
    this.#change(service);
    return (status, durationMs) => {
      one.inFlight -= 1;
      note(one, status, durationMs / 1_000);
      this.#change(service);
    };
  }

  /** Reports what waits. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const reports = [...this.#changed].flatMap((service) =>
      [...(this.#counts.get(service) ?? [])].map(([way, one]) => take(service, way, one)),
    );
    this.#changed.clear();
    if (reports.length > 0) this.#report(reports);
  }

  #of(service: string, way: RequestWay): Count {
    const byWay = this.#counts.get(service) ?? new Map<RequestWay, Count>();
    this.#counts.set(service, byWay);
    const one = byWay.get(way) ?? { inFlight: 0, ...nothingYet() };
    byWay.set(way, one);
    return one;
  }

  #change(service: string): void {
    this.#changed.add(service);
    this.#timer ??= setTimeout(() => this.flush(), REPORT_MS).unref();
  }
}

function nothingYet() {
  return { count: 0, sumSeconds: 0, buckets: requestBuckets.map(() => 0), byStatus: new Map() };
}

function note(one: Count, status: number | string, seconds: number): void {
  one.count += 1;
  one.sumSeconds += seconds;
  one.byStatus.set(status, (one.byStatus.get(status) ?? 0) + 1);
  const at = requestBuckets.findIndex((bound) => seconds <= bound);
  if (at !== -1) one.buckets[at] = (one.buckets[at] ?? 0) + 1;
}

/** The numbers since the last report. */
function take(service: string, way: RequestWay, one: Count): RequestReport {
  const { inFlight, count, sumSeconds, buckets, byStatus } = one;
  Object.assign(one, nothingYet());
  return { service, way, inFlight, count, sumSeconds, buckets, statuses: [...byStatus] };
}
