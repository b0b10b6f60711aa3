import type { RequestListener } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import type { Health } from "./health.ts";
import type { Metrics } from "./metrics.ts";

/** The pages of a node-runner beside the gateway, whose metrics are added to the gateway's own. */
export interface NodePages {
  /** The page `/metrics` or `/discovery`; undefined while there is none. */
  read(path: "/metrics" | "/discovery"): Promise<string | undefined>;
}

/** Answers `/metrics`, `/healthz` and `/readyz`; with a node-runner also `/discovery`. */
export function createPages(
  metrics: Metrics,
  { isHealthy, findProblem }: Health,
  node: NodePages | undefined,
): RequestListener {
  const app = new Hono()
    .get("/metrics", async (c) => {
      const [{ contentType, text }, more = ""] = await Promise.all([
        metrics.render(),
        node?.read("/metrics"),
      ]);
      return c.body(`${text}${more}`, 200, { "Content-Type": contentType });
    })
    .get("/discovery", async (c) => {
      if (node === undefined) return c.notFound();
      const page = (await node.read("/discovery")) ?? "[]";
      return c.body(page, 200, { "Content-Type": "application/json" });
    })
    .get("/healthz", (c) => (isHealthy() ? c.text("ok\n") : c.text("unavailable\n", 503)))
    .get("/readyz", async (c) => {
      const problem = isHealthy() ? await findProblem() : "unavailable";
      return problem === undefined ? c.text("ok\n") : c.text(`${problem}\n`, 503);
    });
  return getRequestListener(app.fetch, { overrideGlobalObjects: false });
}
