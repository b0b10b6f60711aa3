import type { RequestListener } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import type { Health } from "./health.ts";
import type { Metrics } from "./metrics.ts";

/** Answers `/metrics`, `/healthz` and `/readyz`. */
export function createPages(metrics: Metrics, { isHealthy, findProblem }: Health): RequestListener {
  const app = new Hono()
    .get("/metrics", async (c) => {
      const { contentType, text } = await metrics.render();
      return c.body(text, 200, { "Content-Type": contentType });
    })
    .get("/healthz", (c) => (isHealthy() ? c.text("ok\n") : c.text("unavailable\n", 503)))
    .get("/readyz", async (c) => {
      const problem = isHealthy() ? await findProblem() : "unavailable";
      return problem === undefined ? c.text("ok\n") : c.text(`${problem}\n`, 503);
    });
  return getRequestListener(app.fetch, { overrideGlobalObjects: false });
}
