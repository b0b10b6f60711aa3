import { Counter, Gauge, type Registry } from "prom-client";

/** What the readers of events cost. No label: a pattern is the client's choice. */
export interface EventMetrics {
  /** The readers that are connected now. */
  readers(count: number): void;
  /** A piece that a reader took. */
  told(bytes: number): void;
  /** A reader that was cut: it took nothing for too long, or its events could not be read. */
  cut(): void;
}

export function registerEventMetrics(registry: Registry): EventMetrics {
  const registers = [registry];
  const readers = new Gauge({
    name: "narun_gateway_event_readers",
    help: "Readers of events that are connected.",
    registers,
  });
  const bytes = new Counter({
    name: "narun_gateway_event_bytes_total",
    help: "Bytes of events and beats that readers took, before the framing of WebSockets and of HTTP.",
    registers,
  });
  const cuts = new Counter({
    name: "narun_gateway_event_readers_cut_total",
    help: "Readers of events that were cut: they took nothing for too long, or their events could not be read.",
    registers,
  });
  return {
    readers: (count) => readers.set(count),
    told: (count) => bytes.inc(count),
    cut: () => cuts.inc(),
  };
}
