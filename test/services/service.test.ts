/** A service in a whole narun: its description, its actions over HTTP and NATS, its errors, its life. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { headerNames } from "../../contracts/index.ts";
import { createHeaders, type Headers, headerValue, openSpecs } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";

const ORDERS = `
import { service } from "narun";
import { z } from "zod";

const Receipt = z.object({ order: z.string(), paid: z.number() });

export default service({
  name: "NAME",
  version: "1.2.0",
  errors: { OrderNotFound: { status: 404, data: z.object({ id: z.string() }) }, Busy: { status: 503 } },
})
  .onStart(() => console.log("started"))
  .onStop(async () => { await Promise.resolve(); console.log("stopped"); })
  .action("pay", {
    path: "/NAME/{id}/pay",
    input: z.object({ id: z.string(), cents: z.number().int().positive() }),
    output: Receipt,
    idempotent: true,
  }, ({ id, cents }, ctx) => {
    if (id === "none") throw ctx.error("OrderNotFound", { id });
    if (id === "odd") throw ctx.error("OrderNotFound", { id: 5, secret: "mark-7" });
    if (id === "busy") throw ctx.error("Busy");
    if (id === "bug") throw new Error("a bug");
    if (id === "wrong") return { order: id, paid: "mark-8" };
    return { order: id, paid: cents };
  })
  .action("get", {
    path: "NAME/{id}",
    readOnly: true,
    input: z.object({ id: z.string(), lines: z.number().default(0), full: z.boolean().optional(), tags: z.array(z.string()).optional() }),
  }, (input) => input)
  .action("item", { subject: "NAME.item.{id}.*.pay" }, (input, ctx) => ({ input, params: ctx.params, wildcards: ctx.wildcards }))
  .action("files", { path: "NAME/files/>", subject: "NAME.files.>", method: "PUT" }, (input, ctx) => ctx.wildcards)
  .action("nothing", {}, () => undefined)
  .action("raw", {}, () => new Response("as it is", { status: 202 }));
`;

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.push("orders", ORDERS.replaceAll("NAME", "orders"));
});
afterAll(() => world[Symbol.asyncDispose]());

const post = (path: string, value?: unknown) =>
  world.call(path, { method: "POST", ...(value === undefined ? {} : { body: JSON.stringify(value) }) });
const ask = (subject: string, value?: unknown, headers?: Headers) =>
  world.connection.request(subject, value === undefined ? "" : JSON.stringify(value), {
    timeoutMs: 30_000,
    ...(headers && { headers }),
  });

describe("the description of a service", () => {
  it("is in the spec", async () => {
    const read = await (await openSpecs(world.connection)).get("orders");
    if (read?.ok !== true || read.value.kind !== "function") throw new Error("the spec cannot be read");
    const { interface: description } = read.value.spec;
    expect(description).toMatchObject({
      version: "1.2.0",
      requires: [],
      whenPaused: "hold",
      events: [],
    });
    expect(description?.actions.slice(0, 3)).toMatchObject([
      { name: "pay", subject: "orders.pay", method: "POST", path: "/orders/{id}/pay", isIdempotent: true },
      { name: "get", subject: "orders.get", path: "/orders/{id}", method: "GET", isReadOnly: true },
      { name: "item", subject: "orders.item.{id}.*.pay", isReadOnly: false, isIdempotent: false },
    ]);
    expect(description?.actions[0]?.errors).toMatchObject([
      { name: "OrderNotFound", status: 404, data: { required: ["id"] } },
      { name: "Busy", status: 503 },
    ]);
    expect(description?.actions[0]?.input).toMatchObject({ type: "object", required: ["id", "cents"] });
    expect(description?.actions[0]?.output).toMatchObject({ properties: { paid: { type: "number" } } });
  });

  it("stays when the same revision is pushed again", async () => {
    const { unchanged } = await world.push("orders", ORDERS.replaceAll("NAME", "orders"));
    expect(unchanged).toBe(true);
    const read = await (await openSpecs(world.connection)).get("orders");
    expect(read?.ok && read.value.kind === "function" && read.value.spec.interface?.version).toBe("1.2.0");
  });

  it("is in the metadata of the endpoints", async () => {
    await post("/orders.nothing");
    const info = JSON.parse((await ask("$SRV.INFO.orders")).text());
    const pay = info.endpoints.find(({ name }: { name: string }) => name === "pay");
    expect(pay).toMatchObject({
      subject: "orders.pay",
      queue_group: "q",
      metadata: { http: "POST /orders/{id}/pay" },
    });
    expect(JSON.parse(pay.metadata.input)).toMatchObject({ properties: { cents: { type: "integer" } } });
    expect(JSON.parse(pay.metadata.errors)).toMatchObject([{ name: "OrderNotFound" }, { name: "Busy" }]);
    const item = info.endpoints.find(({ name }: { name: string }) => name === "item");
    expect(item.subject).toBe("orders.item.*.*.pay");
  });
});

describe("an action over HTTP", () => {
  it("takes POST /<service>.<action>", async () => {
    const answer = await post("/orders.pay", { id: "o1", cents: 500 });
    expect([answer.status, JSON.parse(answer.text)]).toEqual([200, { order: "o1", paid: 500 }]);
  });

  it("takes its path: parameters fill the input, and win over the body", async () => {
    const answer = await post("/orders/o%2F9/pay", { id: "other", cents: 5 });
    expect(JSON.parse(answer.text)).toEqual({ order: "o/9", paid: 5 });
  });

  it("takes GET where it is read-only, and converts the query by the schema", async () => {
    const query = "lines=3&full=true&tags=a&tags=b";
    const expected = { id: "7", lines: 3, full: true, tags: ["a", "b"] };
    expect(JSON.parse((await world.call(`/orders.get?id=7&${query}`)).text)).toEqual(expected);
    expect(JSON.parse((await world.call(`/orders/7?${query}`)).text)).toEqual(expected);
    const refused = await world.call("/orders.pay?id=1&cents=2");
    expect([refused.status, refused.headers.get("allow")]).toEqual([405, "POST"]);
  });

  it("takes the parameters and wildcards of its subject and path", async () => {
    const item = { input: { a: 1 }, params: { id: "x y" }, wildcards: ["z"] };
    expect(JSON.parse((await post("/orders.item.x%20y.z.pay", { a: 1 })).text)).toMatchObject({
      ...item,
      input: { a: 1, id: "x y" },
    });
    const put = await world.call("/orders/files/a/b.txt", { method: "PUT" });
    expect(JSON.parse(put.text)).toEqual(["a/b.txt"]);
    expect(JSON.parse((await post("/orders.files.a.b")).text)).toEqual(["a.b"]);
  });

  it("answers 204 without a value, and passes a Response on", async () => {
    expect((await post("/orders.nothing")).status).toBe(204);
    const raw = await post("/orders.raw");
    expect([raw.status, raw.text]).toEqual([202, "as it is"]);
  });

  it("names the fields of an input that does not fit", async () => {
    const answer = await post("/orders.pay", { id: 5, cents: -1 });
    expect([answer.status, answer.code]).toEqual([422, "INVALID_INPUT"]);
    const { issues, requestId } = JSON.parse(answer.text);
    expect(issues.map(({ path }: { path: string }) => path)).toEqual(["id", "cents"]);
    expect(requestId).toBe(answer.headers.get("x-request-id"));
    expect((await post("/orders.pay")).code).toBe("INVALID_INPUT");
    const text = await world.call("/orders.pay", { method: "POST", body: "{" });
    expect(JSON.parse(text.text).issues).toMatchObject([
      { path: "", message: expect.stringContaining("JSON") },
    ]);
  });

  it("hides an answer that does not fit, and logs its place alone", async () => {
    const answer = await post("/orders.pay", { id: "wrong", cents: 1 });
    expect([answer.status, answer.code]).toEqual([500, "INVALID_OUTPUT"]);
    const odd = await post("/orders.pay", { id: "odd", cents: 1 });
    expect([odd.status, odd.code]).toEqual([500, "INVALID_OUTPUT"]);
    await eventually(async () => {
      const logged = (await world.logs("orders")).map(({ message }) => message).join("\n");
      expect(logged).toMatch(/INVALID_OUTPUT: the answer of orders\.pay does not fit its schema at paid/);
      expect(logged).toMatch(/the error OrderNotFound of orders\.pay does not fit its schema at id/);
      expect(answer.text + odd.text + logged).not.toMatch(/mark-[78]/);
    });
  });

  it("answers a declared error with its status, name and data, and any other one as a function that failed", async () => {
    const answer = await post("/orders.pay", { id: "none", cents: 1 });
    expect([answer.status, answer.code]).toEqual([404, "ACTION_ERROR"]);
    expect(JSON.parse(answer.text).error).toEqual({ name: "OrderNotFound", data: { id: "none" } });
    const busy = await post("/orders.pay", { id: "busy", cents: 1 });
    expect([busy.status, JSON.parse(busy.text).error]).toEqual([503, { name: "Busy" }]);
    const bug = await post("/orders.pay", { id: "bug", cents: 1 });
    expect([bug.status, bug.code]).toEqual([500, "HANDLER_THREW"]);
  });

  it("names the actions where there is none of the path", async () => {
    const answer = await post("/orders/a/b/c");
    expect([answer.status, answer.code]).toEqual([404, "NO_SUCH_ACTION"]);
    expect(answer.detail).toContain("orders.pay");
  });
});

describe("an action over NATS", () => {
  it("takes a request to its subject, and says nothing where it has no answer", async () => {
    expect(JSON.parse((await ask("orders.pay", { id: "o2", cents: 7 })).text())).toEqual({
      order: "o2",
      paid: 7,
    });
    expect((await ask("orders.nothing")).text()).toBe("");
    expect(JSON.parse((await ask("orders.item.7.8.pay", { a: 1 })).text())).toEqual({
      input: { a: 1, id: "7" },
      params: { id: "7" },
      wildcards: ["8"],
    });
  });

  it("answers errors as NATS Micro does", async () => {
    const reply = await ask("orders.pay", { id: "none", cents: 1 });
    expect(headerValue(reply.headers, headerNames.serviceErrorCode)).toBe("404");
    expect(headerValue(reply.headers, headerNames.serviceError)).toBe("OrderNotFound");
    expect(JSON.parse(reply.text())).toMatchObject({
      error: { name: "OrderNotFound", data: { id: "none" } },
    });
    const invalid = await ask("orders.pay", {});
    expect(headerValue(invalid.headers, headerNames.serviceError)).toBe("INVALID_INPUT");
  });

  it("goes by the subject, whatever path and trigger the message names", async () => {
    const headers = createHeaders([
      [headerNames.path, "/orders.raw"],
      [headerNames.rawPath, "/orders.raw"],
      [headerNames.trigger, "scheduled"],
    ]);
    expect(JSON.parse((await ask("orders.pay", { id: "o3", cents: 7 }, headers)).text())).toMatchObject({
      order: "o3",
    });
  });
});

describe("a service that sleeps", () => {
  it("is started, woken by a request to an action, and stopped", async () => {
    await world.push("sleepy", ORDERS.replaceAll("NAME", "sleepy"), { scale: { idleSeconds: 0.3 } });
    for (const subject of ["sleepy.pay", "sleepy.pay"]) {
      await eventually(async () => expect(await world.ps("sleepy")).toEqual([]));
      expect(JSON.parse((await ask(subject, { id: "a", cents: 1 })).text())).toEqual({ order: "a", paid: 1 });
    }
    await eventually(async () => expect(await world.ps("sleepy")).toEqual([]));
    const reply = await ask("sleepy.item.1.2.pay");
    expect(JSON.parse(reply.text())).toMatchObject({ params: { id: "1" }, wildcards: ["2"] });
    await eventually(async () => expect(await world.ps("sleepy")).toEqual([]));
    const error = await ask("sleepy.pay", { id: "none", cents: 1 });
    expect(headerValue(error.headers, headerNames.serviceError)).toBe("OrderNotFound");
    await eventually(async () => {
      const lines = (await world.logs("sleepy")).map(({ message }) => message);
      expect(lines.filter((line) => line === "stopped").length).toBeGreaterThanOrEqual(4);
      expect(lines.slice(0, 2)).toEqual(["started", "stopped"]);
    });
  }, 90_000);
});

describe("a service in the mode node", () => {
  it("has its description, its actions, its start and its end", async () => {
    const config = { mode: "node", scale: { idleSeconds: 0.5 } };
    await world.push("own", ORDERS.replaceAll("NAME", "own"), config);
    expect(JSON.parse((await post("/own.pay", { id: "o1", cents: 5 })).text)).toEqual({
      order: "o1",
      paid: 5,
    });
    expect(JSON.parse((await ask("own.pay", { id: "o1", cents: 5 })).text())).toEqual({
      order: "o1",
      paid: 5,
    });
    expect((await post("/own.pay", { id: "none", cents: 5 })).code).toBe("ACTION_ERROR");
    await eventually(
      async () => {
        const lines = (await world.logs("own")).map(({ message }) => message);
        expect(lines.slice(0, 2)).toEqual(["started", "stopped"]);
      },
      { timeoutMs: 30_000 },
    );
  }, 120_000);
});
