/** The metrics of a consumer, with the names, labels and buckets of the original toolkit. */
import { createServer, type Server } from "node:http";
import { Gauge, Histogram, Registry } from "prom-client";
import { listen } from "../../machine/index.ts";
import type { Handle } from "../handler/handler-sandbox.ts";

export interface ConsumerMetrics {
  /** The same handler, measured. */
  measure(handle: Handle): Handle;
  render(): Promise<string>;
  /** Serves `/metrics`; resolves with the base URL. Error: ADDRESS_IN_USE. */
  listen(address: { host?: string; port: number }): Promise<string>;
  close(): void;
}

/** Default buckets of Prometheus, in seconds, as the original toolkit has them. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** The original's value for the endpoint `handler`. */
const STREAM = "default";

export function createConsumerMetrics(app: string): ConsumerMetrics {
  const registry = new Registry();
  const registers = [registry];
  const active = new Gauge({
    name: "narun_worker_active_count",
    help: "Handlers that are under way.",
    labelNames: ["app", "stream"],
    registers,
  });
  const seconds = new Histogram({
    name: "narun_request_processing_seconds",
    help: "From the start of a handler to its answer.",
    labelNames: ["app", "stream", "status"],
    buckets: BUCKETS,
    registers,
  });
  const labels = { app, stream: STREAM };
  active.set(labels, 0);
  let server: Server | undefined;
  return {
    measure: (handle) => async (request, context) => {
      active.inc(labels);
      const beganAt = performance.now();
      let status = 500;
      try {
        const answer = await handle(request, context);
        status = (answer as Partial<Response> | undefined)?.status ?? status;
        return answer;
      } finally {
        active.dec(labels);
        seconds.observe({ ...labels, status }, (performance.now() - beganAt) / 1_000);
      }
    },
    render: () => registry.metrics(),
    listen({ host = "127.0.0.1", port }) {
      server = createServer(async (request, response) => {
        if (request.url?.split("?", 1)[0] !== "/metrics") response.writeHead(404).end();
        else response.writeHead(200, { "content-type": registry.contentType }).end(await registry.metrics());
      });
      server.unref();
      return listen(server, { host, port }, "metrics");
    },
    close: () => void server?.close(),
  };
}
