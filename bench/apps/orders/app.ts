/** An app of twenty routes. The measured one checks a JSON body, reads and sets a cookie, and reads two entries of a store. */
import { type Context, Hono } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { z } from "zod";

interface Env {
  Bindings: {
    STORE: {
      get(key: string, options?: { cacheTtl: number }): Promise<string | null>;
      put(key: string, value: string): Promise<unknown>;
    };
  };
}

const Item = z.object({
  article: z.string().min(1).max(40),
  count: z.int().min(1).max(1_000),
  note: z.string().max(200).optional(),
});

const resources = ["customers", "articles", "invoices", "returns", "shipments", "vouchers"];

/** Creates the app below a path. `read`: the options of its KV reads. */
export function createApp(basePath: string, read?: { cacheTtl: number }): Hono<Env> {
  const app = new Hono<Env>().basePath(basePath);
  for (const resource of resources) {
    app.get(`/${resource}`, describe);
    app.get(`/${resource}/:id`, describe);
    app.delete(`/${resource}/:id`, describe);
  }

  app.put("/seed", async (c) => {
    await c.env.STORE.put("session-4bf92f35", "customer 17");
    await c.env.STORE.put("price-pencil", "120");
    return c.body(null, 204);
  });

  app.post("/carts/:id/items", async (c) => {
    const item = Item.safeParse(await c.req.json());
    if (!item.success) return c.json({ error: z.prettifyError(item.error) }, 400);
    const session = getCookie(c, "session") ?? "";
    const [customer, price] = await Promise.all([
      c.env.STORE.get(`session-${session}`, read),
      c.env.STORE.get(`price-${item.data.article}`, read),
    ]);
    if (customer === null || price === null) return c.json({ error: "no such session or article" }, 404);
    setCookie(c, "session", session, { httpOnly: true, path: "/" });
    return c.json({
      cart: c.req.param("id"),
      customer,
      ...item.data,
      total: Number(price) * item.data.count,
    });
  });
  return app;
}

function describe(c: Context<Env>): Response {
  return c.json({ path: c.req.path, id: c.req.param("id") ?? null });
}
