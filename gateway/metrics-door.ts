import { createServer, type RequestListener, type Server } from "node:http";
import { type Address, listen } from "../machine/index.ts";
import type { Door } from "./door.ts";
import type { Health } from "./health.ts";
import type { Metrics } from "./metrics.ts";
import type { NodePages } from "./metrics-pages.ts";

/** The door of operators: `/metrics`, `/healthz` and `/readyz`. It serves until the gateway is closed. */
export function metricsDoor(address: Address, metrics: Metrics, health: Health, node?: NodePages): Door {
  const server = createMetricsServer(metrics, health, node);
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
function createMetricsServer(metrics: Metrics, health: Health, node: NodePages | undefined): Server {
  let loading: Promise<RequestListener> | undefined;
  return createServer((request, response) => {
    loading ??= import("./metrics-pages.ts").then(({ createPages }) => createPages(metrics, health, node));
    void loading.then((listener) => listener(request, response));
  });
}
