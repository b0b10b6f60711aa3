/**
 * The metrics of the queues of this node. Labels are bounded: there is a series for each consumer that a spec names.
 */
import type { DurableConsumer } from "../../nats/index.ts";
import type { TriggerMetric } from "../kind.ts";
import type { QueueEvents } from "./queue-reader.ts";

type EndKind = Parameters<QueueEvents["settled"]>[0];

class QueueCounts {
  /** Whether the consumer is there and can be read. */
  isReady = false;
  /** Messages that wait in the stream, as the last message said. */
  depth = 0;
  readonly ends: Record<EndKind, number> = { ack: 0, retry: 0, dead: 0, "given-back": 0 };
  readonly inFlight: () => number;

  constructor(inFlight: () => number) {
    this.inFlight = inFlight;
  }

  settled(end: EndKind, count: number): void {
    this.ends[end] += count;
  }
}

interface Entry {
  labels: { function: string; stream: string; consumer: string };
  counts: QueueCounts;
}

const PREFIX = "narun_queue";

export class QueueMetrics {
  readonly #entries = new Map<string, Entry>();

  /** The counts of a consumer. They go on where its reader is another one. */
  of({ owner, stream, name }: DurableConsumer, inFlight: () => number): QueueCounts {
    const key = `${stream} ${name}`;
    const counts = new QueueCounts(inFlight);
    Object.assign(counts.ends, this.#entries.get(key)?.counts.ends);
    this.#entries.set(key, { labels: { function: owner, stream, consumer: name }, counts });
    return counts;
  }

  remove({ stream, name }: DurableConsumer): void {
    this.#entries.delete(`${stream} ${name}`);
  }

  list(): TriggerMetric[] {
    const all = [...this.#entries.values()];
    const gauge = (name: string, help: string, read: (counts: QueueCounts) => number): TriggerMetric => ({
      ...{ name: `${PREFIX}_${name}`, type: "gauge", help },
      values: all.map(({ labels, counts }) => ({ labels, value: read(counts) })),
    });
    const ended = (name: string, help: string, end: EndKind): TriggerMetric => ({
      ...{ name: `${PREFIX}_${name}_total`, type: "counter", help },
      values: all.map(({ labels, counts }) => ({ labels, value: counts.ends[end] })),
    });
    return [
      gauge("ready", "Whether the consumer can be read", ({ isReady }) => Number(isReady)),
      gauge("depth", "Messages that wait in the stream", ({ depth }) => depth),
      gauge("in_flight", "Messages that this node holds", ({ inFlight }) => inFlight()),
      ended("acked", "Messages that the function took", "ack"),
      ended("retried", "Messages that are delivered again", "retry"),
      ended("dead", "Messages that became dead letters", "dead"),
      ended("given_back", "Messages that were given back without a result", "given-back"),
    ];
  }
}
