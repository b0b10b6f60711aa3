import { timedOut, workflow } from "narun";

interface Order {
  item: string;
}

/** A durable workflow: `POST /orders/ID` starts one, `POST /orders/ID/signals/approved` lets it go on, within a day. */
export default workflow(async (ctx, order: Order) => {
  const payment = await ctx.step("charge", ({ key }) => ({ key, item: order.item }));
  ctx.onRollback("refund", () => ({ refunded: payment.key }));
  const approved = await ctx.waitFor<boolean>("approved", { timeout: "1 day" });
  if (approved === timedOut || !approved) throw new Error(`${order.item} was not approved`);
  return ctx.step("ship", () => ({ state: "shipped", item: order.item }));
});
