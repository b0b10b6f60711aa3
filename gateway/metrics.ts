import { AggregatorRegistry, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { DispatchObserver } from "../dispatch/index.ts";
import { type AnswerMetrics, registerAnswers, registerReplies } from "./counted.ts";
import { type EventMetrics, registerEventMetrics } from "./events/event-metrics.ts";

/** The gateway's metrics (Prometheus). `http_gateway_*` and `gateway_*` are compatible, buckets included. */
export interface Metrics extends DispatchObserver {
  /** `path` is the route's pattern, never the client's path. */
  answered(method: string, path: string, status: number, durationMs: number): void;
  /** A call of gRPC. `service`: empty where none takes the call. `path`: as the client named it. `code`: as Go names it. */
  called(service: string, path: string, code: string, durationMs: number): void;
  /** The readers of events. */
  readonly events: EventMetrics;
  /** The exposition format and its content type. */
  render(): Promise<{ contentType: string; text: string }>;
  /** The values as data, for another process that adds them to its own. */
  values(): Promise<MetricValues>;
}

/** The metrics of one process, as its registry gives them. */
export type MetricValues = object[];

export interface MetricsOptions {
  /** The number of requests, by service. It is read when metrics are rendered. */
  counts(): Map<string, { held: number; inFlight: number }>;
  /** The metrics of the other processes of this gateway, which are added when metrics are rendered. Default: none. */
  others?: (() => Promise<readonly MetricValues[]>) | undefined;
  /** How a Caddy that is kept in step stands. Default: there is none. */
  caddy?: (() => { isInStep: boolean; conflicts: number }) | undefined;
}

/** Buckets of cold starts, in seconds: an isolate takes milliseconds, a process longer. */
const START_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15];

const HTTP_ANSWERS: AnswerMetrics = {
  requests: { name: "http_gateway_requests_total", help: "HTTP requests that were answered." },
  durations: {
    name: "http_gateway_request_duration_seconds",
    help: "From the arrival of an HTTP request to its answer.",
  },
  statusLabel: "status_code",
  labelNames: ["method", "path"],
  labelsOf: (method, path) => ({ method, path }),
};

const GRPC_CALLS: AnswerMetrics = {
  requests: { name: "grpc_gateway_requests_total", help: "gRPC calls that have ended." },
  durations: {
    name: "grpc_gateway_request_duration_seconds",
    help: "From the arrival of a gRPC call to its status.",
  },
  statusLabel: "grpc_code",
  labelNames: ["grpc_method"],
  labelsOf: (_service, path) => ({ grpc_method: path }),
};

export function createMetrics({ counts, others, caddy }: MetricsOptions): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const answers = registerAnswers(registry, HTTP_ANSWERS);
  const calls = registerCalls(registry);
  const replies = registerReplies(registry);
  const holds = new Histogram({
    name: "narun_gateway_hold_seconds",
    help: "How long requests were held until something could take them, or they were given up.",
    labelNames: ["service"],
    buckets: START_BUCKETS,
    registers,
  });
  const starts = new Counter({
    name: "narun_gateway_cold_starts_total",
    help: "Starts of instances that requests waited for.",
    labelNames: ["service"],
    registers,
  });
  const startPhases = new Histogram({
    name: "narun_gateway_cold_start_seconds",
    help: "How long those starts took: in all, as the gateway saw it, and by phase, as the instance announced.",
    labelNames: ["phase"],
    buckets: START_BUCKETS,
    registers,
  });
  const resends = new Counter({
    name: "narun_gateway_resends_total",
    help: "Requests that were sent again because their consumer, or NATS, was lost.",
    labelNames: ["service"],
    registers,
  });
  registerGauge(registry, "narun_gateway_in_flight", "Requests that a consumer has.", (set) => {
    for (const [service, { inFlight }] of counts()) set(service, inFlight);
  });
  registerGauge(registry, "narun_gateway_held", "Requests that are held.", (set) => {
    for (const [service, { held }] of counts()) set(service, held);
  });

  if (caddy !== undefined) registerCaddy(registry, caddy);

  return {
    answered: answers.add,
    called: calls,
    events: registerEventMetrics(registry),
    replied: replies.add,
    held: (service, heldMs) => holds.observe({ service }, heldMs / 1_000),
    coldStart(service, startMs, phases) {
      starts.inc({ service });
      startPhases.observe({ phase: "total" }, startMs / 1_000);
      for (const [phase, ms] of Object.entries(phases)) startPhases.observe({ phase }, ms / 1_000);
    },
    resent: (service) => resends.inc({ service }),
    async render() {
      const all = others === undefined ? [] : await others();
      const sum =
        all.length === 0
          ? registry
          : AggregatorRegistry.aggregate([await registry.getMetricsAsJSON(), ...all]);
      return { contentType: registry.contentType, text: await sum.metrics() };
    },
    values: () => registry.getMetricsAsJSON(),
  };
}

function registerCaddy(registry: Registry, state: () => { isInStep: boolean; conflicts: number }): void {
  const register = (name: string, help: string, value: () => number) => {
    const registers = [registry];
    const gauge: Gauge = new Gauge({ name, help, registers, collect: () => gauge.set(value()) });
  };
  register("narun_gateway_caddy_in_step", "Whether Caddy has the routes of the functions: 1 or 0.", () =>
    Number(state().isInStep),
  );
  register(
    "narun_gateway_caddy_conflicts",
    "Paths of functions that other routes of Caddy have.",
    () => state().conflicts,
  );
}

/** Upper bound of the methods with a label of their own. */
const MAX_METHODS = 1_000;

/**
 * The calls of gRPC by method. The gateway knows no methods, and clients choose the names: a method has its own label when a
 * service has answered as if it had the method.
 */
function registerCalls(registry: Registry): Metrics["called"] {
  const calls = registerAnswers(registry, GRPC_CALLS);
  let methods = 0;
  return (service, path, code, durationMs) => {
    let label = path;
    if (!calls.has(service, path)) {
      if (service === "") label = "unmatched";
      else if (code === "Unimplemented" || methods >= MAX_METHODS) label = `/${service}/unknown`;
      else methods += 1;
    }
    calls.add(service, label, code, durationMs);
  };
}

/** A gauge by service whose value is read when metrics are rendered: requests do not pay for it. */
function registerGauge(
  registry: Registry,
  name: string,
  help: string,
  collect: (set: (service: string, value: number) => void) => void,
): void {
  const gauge: Gauge<"service"> = new Gauge({
    name,
    help,
    labelNames: ["service"],
    registers: [registry],
    collect: () => {
      gauge.reset();
      collect((service, value) => gauge.set({ service }, value));
    },
  });
}
