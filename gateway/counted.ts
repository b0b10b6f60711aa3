/**
 * Metrics of every request. They are counted in plain numbers, and formed when they are rendered: a request pays neither for
 * label objects nor for their hashes.
 */
import { Counter, Histogram, type Registry } from "prom-client";

/** Default buckets of Prometheus, in seconds, as the original toolkit has them. */
const COMPAT_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** A pair of metrics: a counter of answers, and a histogram of how long they took. */
export interface AnswerMetrics {
  requests: { name: string; help: string };
  durations: { name: string; help: string };
  /** The name of the label with an answer's status. */
  statusLabel: string;
  /** The further labels of answers, which are counted by two keys. */
  labelNames: readonly string[];
  labelsOf(first: string, second: string): Record<string, string>;
}

/** The answers with one pair of keys. */
interface AnswerCount {
  readonly labels: Record<string, string>;
  /** The number of answers, by status. */
  readonly byStatus: Map<number | string, number>;
  /** The number of durations in each bucket, without those in the buckets before it. */
  readonly buckets: number[];
  sumSeconds: number;
  count: number;
}

/** The answers by their keys and status, and their durations. */
export function registerAnswers(registry: Registry, metrics: AnswerMetrics) {
  const { labelNames, statusLabel, labelsOf } = metrics;
  const byFirst = new Map<string, Map<string, AnswerCount>>();
  const all = () => [...byFirst.values()].flatMap((bySecond) => [...bySecond.values()]);
  const begin = (first: string, second: string) => {
    const labels = labelsOf(first, second);
    const buckets = COMPAT_BUCKETS.map(() => 0);
    const one: AnswerCount = { labels, byStatus: new Map(), buckets, sumSeconds: 0, count: 0 };
    const bySecond = byFirst.get(first) ?? new Map<string, AnswerCount>();
    byFirst.set(first, bySecond.set(second, one));
    return one;
  };
  const requests: Counter = new Counter({
    ...metrics.requests,
    labelNames: [...labelNames, statusLabel],
    registers: [registry],
    collect() {
      requests.reset();
      for (const { labels, byStatus } of all())
        for (const [status, count] of byStatus) requests.inc({ ...labels, [statusLabel]: status }, count);
    },
  });
  registry.registerMetric(new CountedHistogram(metrics, all));
  return {
    has: (first: string, second: string) => byFirst.get(first)?.has(second) === true,
    add(first: string, second: string, status: number | string, durationMs: number): void {
      const one = byFirst.get(first)?.get(second) ?? begin(first, second);
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

/** The outcomes of requests to consumers, by service. */
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
  readonly #about: AnswerMetrics["durations"];
  readonly #all: () => AnswerCount[];

  constructor({ durations, labelNames }: AnswerMetrics, all: () => AnswerCount[]) {
    super({ ...durations, labelNames: [...labelNames], buckets: COMPAT_BUCKETS, registers: [] });
    this.#about = durations;
    this.#all = all;
  }

  /** The registry, and `get`, ask for the values by this method, which the types of prom-client leave out. */
  async getForPromString() {
    const values = this.#all().flatMap((one) => valuesOf(this.#about.name, one));
    return { ...this.#about, type: "histogram", values, aggregator: "sum" };
  }
}

function valuesOf(name: string, { labels: sharedLabels, buckets, sumSeconds, count }: AnswerCount) {
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
