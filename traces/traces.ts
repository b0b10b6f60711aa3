/** A process' part in traces: where its spans go, and which traces are recorded. */
import type { Logger } from "pino";
import { createSampler, type Sampler, type SamplerName } from "./sampler.ts";
import type { SpanSink } from "./span.ts";

export interface Traces extends SpanSink {
  readonly sampler: Sampler;
}

export interface ClosableTraces extends Traces {
  /** Sends the last spans. It never rejects, and takes a bounded time. */
  close(): Promise<void>;
}

/** The choices of a user. */
export interface TracesOptions {
  /** The address of a collector of OTLP over HTTP, without `/v1/traces`. */
  url: string;
  /** Header fields for the collector, such as a key. */
  headers: Readonly<Record<string, string>>;
  sampler: SamplerName;
  /** For the samplers by ratio, from 0 to 1. */
  ratio: number;
}

/** Begins to export spans. `attributes`: of the resource of each span. The exporter is loaded here, and nowhere else. */
export async function startTraces(
  { url, headers, sampler, ratio }: TracesOptions,
  { attributes, log }: { attributes: Readonly<Record<string, string>>; log: Pick<Logger, "info" | "warn"> },
): Promise<ClosableTraces> {
  const { SpanExporter } = await import("./exporter.ts");
  const exporter = new SpanExporter({ url, headers, attributes, log });
  return {
    sampler: createSampler(sampler, ratio),
    record: (span) => exporter.record(span),
    close: () => exporter.close(),
  };
}
