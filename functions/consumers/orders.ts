/** A Hono app in a Node process of one's own: `node orders.ts`, with NATS_URL. */
import { Hono } from "hono";
import { serve } from "narun";

const app = new Hono().basePath("/orders");
const orders = new Map<string, unknown>([["1", { item: "tea" }]]);

app.get("/", (c) => c.json([...orders.keys()]));
app.get("/:id", (c) => {
  const order = orders.get(c.req.param("id"));
  return order === undefined ? c.json({ error: "no such order" }, 404) : c.json(order);
});
app.put("/:id", async (c) => {
  orders.set(c.req.param("id"), await c.req.json());
  return c.body(null, 204);
});

await serve(app, { service: "orders", version: "1.0.0", description: "orders of a shop" });
