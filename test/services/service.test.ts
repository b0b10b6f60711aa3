/** A service in a whole narun: its description, and its actions over HTTP and NATS. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSpecs } from "../../nats/index.ts";
import { startWorld, type World } from "../harness/world.ts";

const ORDERS = `
import { service } from "narun";
import { z } from "zod";

const Receipt = z.object({ order: z.string(), paid: z.number() });

export default service({
  name: "orders",
  version: "1.2.0",
  errors: { OrderNotFound: { status: 404, data: z.object({ id: z.string() }) } },
})
  .action("pay", { input: z.object({ id: z.string(), cents: z.number().int().positive() }), output: Receipt }, ({ id, cents }, ctx) => {
    if (id === "none") throw ctx.error("OrderNotFound", { id });
    return { order: id, paid: cents };
  })
  .action("get", { path: "orders/{id}", readOnly: true, input: z.object({ id: z.string(), lines: z.number().default(0) }) }, ({ id, lines }) => ({ id, lines }));
`;

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.push("orders", ORDERS);
}, 60_000);
afterAll(() => world[Symbol.asyncDispose]());

const post = (path: string, value: unknown) =>
  world.call(path, { method: "POST", body: JSON.stringify(value) });

describe("a service", () => {
  it("has its description in the spec", async () => {
    const read = await (await openSpecs(world.connection)).get("orders");
    if (read?.ok !== true || read.value.kind !== "function") throw new Error("the spec cannot be read");
    const { interface: description } = read.value.spec;
    expect(description).toMatchObject({ version: "1.2.0", requires: [], whenPaused: "hold", events: [] });
    expect(description?.actions).toMatchObject([
      {
        name: "pay",
        subject: "orders.pay",
        method: "POST",
        isReadOnly: false,
        errors: [{ name: "OrderNotFound", status: 404 }],
      },
      {
        name: "get",
        subject: "orders.get",
        path: "/orders/{id}",
        method: "GET",
        isReadOnly: true,
        isIdempotent: true,
      },
    ]);
    expect(description?.actions[0]?.input).toMatchObject({ type: "object", required: ["id", "cents"] });
    expect(description?.actions[0]?.output).toMatchObject({ properties: { paid: { type: "number" } } });
  });

  it("takes POST /<service>.<action>", async () => {
    const answer = await post("/orders.pay", { id: "o1", cents: 500 });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toEqual({ order: "o1", paid: 500 });
  });

  it("takes a request to the action's subject", async () => {
    const reply = await world.connection.request("orders.pay", JSON.stringify({ id: "o2", cents: 7 }), {
      timeoutMs: 10_000,
    });
    expect(JSON.parse(reply.text())).toEqual({ order: "o2", paid: 7 });
  });
});
