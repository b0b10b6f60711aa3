import { createServer, type RequestListener, type Server } from "node:http";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { DispatchObserver } from "../dispatch/index.ts";
import { type Address, listen } from "../machine/index.ts";
import { registerAnswers, registerReplies } from "./counted.ts";
import type { Door } from "./door.ts";

/** The gateway's metrics (Prometheus). `http_gateway_*` and `gateway_*` are compatible, buckets included. */
export interface Metrics extends DispatchObserver {
  /** `path` is the route's pattern, never the client's path. */
  answered(method: string, path: string, status: number, durationMs: number): void;
  /** The exposition format and its content type. */
  render(): Promise<{ contentType: string; text: string }>;
}

export interface MetricsOptions {
  /** The number of requests, by service. It is read when metrics are rendered. */
  counts(): Map<string, { held: number; inFlight: number }>;
}

/** Buckets of cold starts, in seconds: an isolate takes milliseconds, a process longer. */
const START_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15];

export function createMetrics({ counts }: MetricsOptions): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const answers = registerAnswers(registry);
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

  return {
    answered: answers.add,
    replied: replies.add,
    held: (service, heldMs) => holds.observe({ service }, heldMs / 1_000),
    coldStart(service, startMs, phases) {
      starts.inc({ service });
      startPhases.observe({ phase: "total" }, startMs / 1_000);
      for (const [phase, ms] of Object.entries(phases)) startPhases.observe({ phase }, ms / 1_000);
    },
    resent: (service) => resends.inc({ service }),
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
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

/** The gateway's own health. */
export interface Health {
  /** Whether it can serve requests now. */
  isHealthy(): boolean;
  /** The problem that keeps the rest of narun from working; undefined where there is none. */
  findProblem(): Promise<string | undefined>;
}

/** The door of operators: `/metrics`, `/healthz` and `/readyz`. It serves until the gateway is closed. */
export function metricsDoor(address: Address, metrics: Metrics, health: Health): Door {
  const server = createMetricsServer(metrics, health);
  return {
    name: "metrics",
    listen: () => listen(server, address, "--metrics"),
    drain: () => Promise.resolve(),
    async close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** The pages are loaded at the first request: Hono and the web classes of Node that it extends take 10 MB. */
function createMetricsServer(metrics: Metrics, health: Health): Server {
  let loading: Promise<RequestListener> | undefined;
  return createServer((request, response) => {
    loading ??= import("./metrics-pages.ts").then(({ createPages }) => createPages(metrics, health));
    void loading.then((listener) => listener(request, response));
  });
}
