/**
 * Metrics of every request. They are counted in plain numbers, and formed when they are rendered: a request pays neither for
 * label objects nor for their hashes.
 */
import { Counter, Histogram, type Registry } from "prom-client";

/** Default buckets of Prometheus, in seconds, as the original toolkit has them. */
const COMPAT_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const DURATION = "http_gateway_request_duration_seconds";
const DURATION_HELP = "From the arrival of an HTTP request to its answer.";

/** The answers to one method on one route. */
interface AnswerCount {
  readonly method: string;
  readonly path: string;
  /** The number of answers, by status. */
  readonly byStatus: Map<number, number>;
  /** The number of durations in each bucket, without those in the buckets before it. */
  readonly buckets: number[];
  sumSeconds: number;
  count: number;
}

/** The answers by route, method and status, and their durations. */
export function registerAnswers(registry: Registry) {
  const byPath = new Map<string, Map<string, AnswerCount>>();
  const all = () => [...byPath.values()].flatMap((byMethod) => [...byMethod.values()]);
  const begin = (method: string, path: string) => {
    const buckets = COMPAT_BUCKETS.map(() => 0);
    const one: AnswerCount = { method, path, byStatus: new Map(), buckets, sumSeconds: 0, count: 0 };
    const byMethod = byPath.get(path) ?? new Map<string, AnswerCount>();
    byPath.set(path, byMethod.set(method, one));
    return one;
  };
  const requests: Counter = new Counter({
    name: "http_gateway_requests_total",
    help: "HTTP requests that were answered.",
    labelNames: ["method", "path", "status_code"],
    registers: [registry],
    collect() {
      requests.reset();
      for (const { method, path, byStatus } of all())
        for (const [status, count] of byStatus) requests.inc({ method, path, status_code: status }, count);
    },
  });
  registry.registerMetric(new CountedHistogram(all));
  return {
    add(method: string, path: string, status: number, durationMs: number): void {
      const one = byPath.get(path)?.get(method) ?? begin(method, path);
      one.byStatus.set(status, (one.byStatus.get(status) ?? 0) + 1);
      const seconds = durationMs / 1_000;
      one.sumSeconds += seconds;
      one.count += 1;
      let at = 0;
      while (at < COMPAT_BUCKETS.length && seconds > (COMPAT_BUCKETS[at] ?? 0)) at += 1;
      if (at < COMPAT_BUCKETS.length) one.buckets[at] = (one.buckets[at] ?? 0) + 1;
    },
  };
}

/** What became of requests to consumers, by service. */
export function registerReplies(registry: Registry) {
  const replies = new Map<string, Map<string, number>>();
  const counter: Counter = new Counter({
    name: "gateway_nats_requests_total",
    help: "Requests that were sent over NATS, by what became of them.",
    labelNames: ["subject", "status"],
    registers: [registry],
    collect() {
      counter.reset();
      for (const [subject, byStatus] of replies)
        for (const [status, count] of byStatus) counter.inc({ subject, status }, count);
    },
  });
  return {
    add(service: string, status: string): void {
      const byStatus = replies.get(service);
      if (byStatus === undefined) replies.set(service, new Map([[status, 1]]));
      else byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
    },
  };
}

/** A histogram that prom-client renders, and that is counted elsewhere. */
class CountedHistogram extends Histogram {
  readonly #all: () => AnswerCount[];

  constructor(all: () => AnswerCount[]) {
    super({
      name: DURATION,
      help: DURATION_HELP,
      labelNames: ["method", "path"],
      buckets: COMPAT_BUCKETS,
      registers: [],
    });
    this.#all = all;
  }

  /** The registry, and `get`, ask for the values by this method, which the types of prom-client leave out. */
  async getForPromString() {
    const values = this.#all().flatMap((one) => valuesOf(DURATION, one));
    return { name: DURATION, help: DURATION_HELP, type: "histogram", values, aggregator: "sum" };
  }
}

function valuesOf(name: string, { method, path, buckets, sumSeconds, count }: AnswerCount) {
  const sharedLabels = { method, path };
  let below = 0;
  const values = COMPAT_BUCKETS.map((le, at) => {
    below += buckets[at] ?? 0;
    return { metricName: `${name}_bucket`, labels: { le: String(le) }, sharedLabels, value: below };
  });
  return [
    ...values,
    { metricName: `${name}_bucket`, labels: { le: "+Inf" }, sharedLabels, value: count },
    { metricName: `${name}_sum`, labels: {}, sharedLabels, value: sumSeconds },
    { metricName: `${name}_count`, labels: {}, sharedLabels, value: count },
  ];
}
