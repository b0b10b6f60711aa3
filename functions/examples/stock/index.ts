/**
 * A service that tells and hears events: each change of a stock is an event, and a stock that runs low is ordered.
 *
 *     curl -d '{"item":"apple","left":2}' http://localhost:8080/stock.set
 *     curl http://localhost:8080/stock.orders
 */
import { service } from "narun";
import type { Env } from "./narun-env.d.ts";

const LOW = 3;

export default service({ name: "stock", version: "1.0.0" })
  .action("set", {}, async (input, ctx) => {
    const { item, left } = input as { item: string; left: number };
    // Events of one item keep their order. The last one stays for readers that come later.
    await ctx.publish(`stock.level.${item}`, { left }, { key: item, retain: true });
    return { item, left };
  })
  .action(
    "orders",
    { readOnly: true },
    async (_input, _ctx, env: Env) => (await env.STOCK.get<string[]>("orders", "json")) ?? [],
  )
  // It is woken for each event, and tried again where it fails.
  .on("stock.level.*", { name: "reorder", durable: true, since: "all" }, async ({ value }, ctx, env: Env) => {
    if ((value as { left: number }).left >= LOW) return;
    const orders = (await env.STOCK.get<string[]>("orders", "json")) ?? [];
    const [item = ""] = ctx.wildcards;
    if (!orders.includes(item)) await env.STOCK.put("orders", [...orders, item]);
  });
