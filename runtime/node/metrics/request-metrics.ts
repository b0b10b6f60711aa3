/**
 * The requests of the instances of a node, as its host processes report them.
 *
 * I1  The sums outlive processes. The requests in flight are those of the processes that live.
 * I2  A process that is killed takes the numbers of its last second with it.
 */
import { type RequestReport, type RequestSink, requestBuckets } from "../../host.ts";
import type { Labels, Metric } from "./exposition.ts";

interface Sum {
  readonly labels: Labels;
  readonly byStatus: Map<number | string, number>;
  readonly buckets: number[];
  count: number;
  sumSeconds: number;
}

type InFlight = ReadonlyMap<string, { labels: Labels; value: number }>;

export class RequestMetrics {
  readonly #node: string;
  readonly #sums = new Map<string, Sum>();
  readonly #inFlight = new Map<object, InFlight>();

  constructor(node: string) {
    this.#node = node;
  }

  /** A process of instances begins. */
  open(): RequestSink {
    const process = {};
    return {
      add: (reports) => this.#add(process, reports),
      close: () => void this.#inFlight.delete(process),
    };
  }

  metrics(): Metric[] {
    const sums = [...this.#sums.values()];
    const gauges = new Map<string, { labels: Labels; value: number }>();
    for (const all of this.#inFlight.values())
      for (const [key, { labels, value }] of all)
        gauges.set(key, { labels, value: value + (gauges.get(key)?.value ?? 0) });
    return [
      {
        name: "narun_node_requests_total",
        type: "counter",
        help: "Requests that instances have ended, by the way that they came.",
        values: sums.flatMap(({ labels, byStatus }) =>
          [...byStatus].map(([status, value]) => ({ labels: { ...labels, status: String(status) }, value })),
        ),
      },
      {
        name: "narun_node_request_duration_seconds",
        type: "histogram",
        help: "From the arrival of a request at an instance to its end.",
        values: sums.flatMap(durationsOf),
      },
      {
        name: "narun_node_requests_in_flight",
        type: "gauge",
        help: "Requests that instances have, by the way that they came.",
        values: [...gauges.values()],
      },
    ];
  }

  #add(process: object, reports: readonly RequestReport[]): void {
    const inFlight = new Map(this.#inFlight.get(process));
    for (const report of reports) {
      const { service, way } = report;
      const labels = { node_id: this.#node, service, way };
      const key = `${service} ${way}`;
      inFlight.set(key, { labels, value: report.inFlight });
      const sum = this.#sums.get(key) ?? emptySum(labels);
      this.#sums.set(key, sum);
      sum.count += report.count;
      sum.sumSeconds += report.sumSeconds;
      report.buckets.forEach((count, at) => {
        sum.buckets[at] = (sum.buckets[at] ?? 0) + count;
      });
      for (const [status, count] of report.statuses)
        sum.byStatus.set(status, (sum.byStatus.get(status) ?? 0) + count);
    }
    this.#inFlight.set(process, inFlight);
  }
}

function emptySum(labels: Labels): Sum {
  return { labels, byStatus: new Map(), buckets: requestBuckets.map(() => 0), count: 0, sumSeconds: 0 };
}

function durationsOf({ labels, buckets, count, sumSeconds }: Sum): Metric["values"] {
  let below = 0;
  const bounded = requestBuckets.map((le, at) => {
    below += buckets[at] ?? 0;
    return { suffix: "_bucket", labels: { ...labels, le: String(le) }, value: below };
  });
  return [
    ...bounded,
    { suffix: "_bucket", labels: { ...labels, le: "+Inf" }, value: count },
    { suffix: "_sum", labels, value: sumSeconds },
    { suffix: "_count", labels, value: count },
  ];
}
