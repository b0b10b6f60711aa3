/** Calls between services by a binding: `env.ORDERS.pay({ … })`, in isolates and in Node. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWorld, type World } from "../harness/world.ts";

const ORDERS = `
import { service } from "narun";
import { z } from "zod";
export default service({
  name: "orders",
  version: "1.0.0",
  errors: { OrderNotFound: { status: 404, data: z.object({ id: z.string() }) } },
})
  .action("get", { readOnly: true, input: z.object({ id: z.string() }) }, async ({ id }, ctx) => {
    if (id === "none") throw ctx.error("OrderNotFound", { id });
    return {
      id,
      caller: ctx.headers.get("narun-caller"),
      requestId: ctx.requestId,
      leftMs: ctx.deadline - Date.now(),
      trace: ctx.headers.get("traceparent"),
    };
  })
  .action("item", { subject: "orders.item.{id}.price", input: z.object({ id: z.string(), count: z.number() }) }, (input) => input)
  .action("pay", { input: z.object({ cents: z.number().int() }) }, ({ cents }) => ({ paid: cents }))
  .action("drop", {}, () => undefined)
  .action("hang", {}, () => new Promise(() => undefined))
  .action("boom", {}, () => { throw new Error("secret of the inside"); });
`;

/** Calls the action that the query names, and tells what came of it. */
const SHOP = `
import { ActionError } from "narun";
export default {
  async fetch(request, env) {
    const { action, input, options } = await request.json();
    try {
      return Response.json({ value: await env.ORDERS[action](input, options) });
    } catch (error) {
      const { name, message, data, code, status, issues } = error;
      return Response.json({ failed: { name, message, data, code, status, issues, isActionError: error instanceof ActionError } });
    }
  },
};
`;
const BOUND = { bindings: [{ name: "ORDERS", service: "orders" }] };

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.push("orders", ORDERS);
  await world.push("shop", SHOP, BOUND);
  await world.push("desk", SHOP, { ...BOUND, mode: "node" });
});
afterAll(async () => world[Symbol.asyncDispose]());

describe.each(["shop", "desk"])("the actions of a binding, in %s", (name) => {
  const call = async (
    action: string,
    input?: unknown,
    options?: unknown,
    headers: Record<string, string> = {},
  ) => {
    const body = JSON.stringify({ action, input, options });
    return JSON.parse((await world.call(`/${name}`, { method: "POST", body, headers })).text);
  };

  it("are methods that give the value, and nothing where there is none", async () => {
    expect(await call("pay", { cents: 5 })).toEqual({ value: { paid: 5 } });
    expect(await call("drop")).toEqual({});
    // The subject has the parameter; the caller gives the whole input.
    expect(await call("item", { id: "a.b", count: 2 })).toEqual({ value: { id: "a.b", count: 2 } });
  });

  it("throw the errors that the service declares, as themselves", async () => {
    expect((await call("get", { id: "none" })).failed).toMatchObject({
      name: "OrderNotFound",
      data: { id: "none" },
      isActionError: true,
    });
  });

  it("tell the fields of an input that does not fit, and nothing of the inside of a failure", async () => {
    const { failed } = await call("pay", { cents: "x" });
    expect(failed).toMatchObject({
      name: "ServiceError",
      code: "INVALID_INPUT",
      status: 422,
      isActionError: false,
    });
    expect(failed.issues).toMatchObject([{ path: "cents" }]);
    const boom = await call("boom");
    expect(boom.failed).toMatchObject({ name: "ServiceError", code: "HANDLER_THREW", status: 500 });
    expect(JSON.stringify(boom)).not.toContain("secret of the inside");
    expect((await call("nothing")).failed).toMatchObject({ code: "NO_SUCH_ACTION", status: 404 });
  });

  it("bring the caller, the request's id, its deadline and its trace", async () => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const headers = { "x-request-id": "request-7", traceparent, "narun-caller": "forged" };
    const { value } = await call("get", { id: "1" }, undefined, headers);
    expect(value).toMatchObject({ caller: name, requestId: "request-7" });
    expect(value.trace).toContain("0af7651916cd43dd8448eb211c80319c");
    expect(value.leftMs).toBeGreaterThan(0);
    expect(value.leftMs).toBeLessThanOrEqual(30_000);
    // A client cannot say that it is another one.
    const direct = await world.call("/orders.get", { method: "POST", headers, body: '{"id":"1"}' });
    expect(JSON.parse(direct.text).caller).toBeNull();
  });

  it("end with their time limit", async () => {
    // The action never answers, and the request itself may take as long as a test.
    expect((await call("hang", undefined, { timeout: 0 })).failed).toMatchObject({ name: "TimeoutError" });
    expect((await call("hang", undefined, { timeout: 50 })).failed).toMatchObject({ name: "TimeoutError" });
  });

  it("may be sent twice only where that does no harm", async () => {
    expect((await call("pay", { cents: 1 }, { hedge: 10_000 })).failed).toMatchObject({
      code: "NOT_IDEMPOTENT",
    });
    expect(await call("get", { id: "1" }, { hedge: 0 })).toMatchObject({ value: { id: "1" } });
  });
});
