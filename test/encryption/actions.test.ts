/** Actions with `encrypt`, through a whole narun: callers with the label, and everyone else. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { service } from "../../functions/sdk/index.ts";
import {
  createIdentitySealer,
  enrolKey,
  grantLabel,
  type IdentitySealer,
  initKeys,
  type KeyPlace,
  newKey,
} from "../../keys/index.ts";
import { connect } from "../../runtime/serve/index.ts";
import { startWorld, type World } from "../harness/world.ts";

const ORDERS = `
import { service } from "narun";
import { z } from "zod";
let paid = 0;
export default service({
  name: "orders",
  version: "1.0.0",
  errors: { CardRefused: { status: 402, data: z.object({ card: z.string() }) } },
})
  .action("pay", { encrypt: "payments", input: z.object({ card: z.string() }) }, ({ card }, ctx) => {
    if (card === "refused") throw ctx.error("CardRefused", { card });
    paid += 1;
    return { receipt: "paid with " + card, paid };
  })
  .action("refund", { encrypt: "payments", input: z.object({ card: z.string() }) }, ({ card }) => "back to " + card)
  .action("status", { encrypt: "payments", idempotent: true }, () => "paid")
  .action("boom", { encrypt: "payments" }, (input) => { throw new Error("with " + input); })
  .action("page", { encrypt: "payments" }, () => new Response("as it is", { status: 203 }))
  .action("drop", { encrypt: "payments" }, () => undefined)
  .action("list", { readOnly: true }, () => paid);
`;

/** Calls the action that its body names. */
const SHOP = `
import { ActionError } from "narun";
export default {
  async fetch(request, env) {
    const { action, input, path } = await request.json();
    try {
      if (path !== undefined) return await env.ORDERS.fetch(path, { method: "POST", body: JSON.stringify(input) });
      return Response.json({ value: await env.ORDERS[action](input) });
    } catch (error) {
      const { name, message, data, code, status, issues } = error;
      return Response.json({ failed: { name, message, data, code, status, issues, isActionError: error instanceof ActionError } });
    }
  },
};
`;
const SEALED = { bindings: [{ name: "ORDERS", service: "orders", seal: "payments" }] };

let world: World;
let keysDir: string;
let place: KeyPlace;
let ann: IdentitySealer;

beforeAll(async () => {
  keysDir = await mkdtemp(join(tmpdir(), "narun-keys-"));
  world = await startWorld({ nodeArguments: ["--keys", keysDir] });
  place = { nats: world.connection, folder: { path: keysDir } };
  await initKeys(place, { node: "node-0", validMs: undefined });
  for (const recipient of ["service:orders", "service:shop", "service:desk"])
    await grantLabel(place, { label: "payments", recipient });
  const { fingerprint } = await newKey(place, { identity: "user:ann", network: undefined });
  await enrolKey(place, { identity: "user:ann", fingerprint });
  await grantLabel(place, { label: "payments", recipient: "user:ann" });
  ann = createIdentitySealer({
    ...{ nats: world.connection, folder: place.folder, recipient: "user:ann" },
    onRefused: () => undefined,
  });
  await world.push("orders", ORDERS);
  await world.push("shop", SHOP, SEALED);
  await world.push("desk", SHOP, { ...SEALED, mode: "node" });
});
afterAll(async () => {
  ann.close();
  await world[Symbol.asyncDispose]();
  await rm(keysDir, { recursive: true });
});

const request = (action: string, content: object) =>
  ann.port.seal("payments", ["call", "orders", action, "request"], JSON.stringify(content));
const pay = async (text: string, action = "pay") => {
  const answer = await world.call(`/orders.${action}`, {
    ...{ method: "POST", body: text, headers: { "content-type": "application/jose" } },
  });
  return { status: answer.status, text: answer.text };
};
const codeOf = ({ text }: { text: string }) => JSON.parse(text).code as unknown;

describe.each(["shop", "desk"])("a binding with seal, in %s", (name) => {
  const call = async (body: object) =>
    JSON.parse((await world.call(`/${name}`, { method: "POST", body: JSON.stringify(body) })).text);

  it("gives the values and the errors of the service", async () => {
    expect(await call({ action: "pay", input: { card: "4111" } })).toMatchObject({
      value: { receipt: "paid with 4111" },
    });
    expect((await call({ action: "pay", input: { card: "refused" } })).failed).toMatchObject({
      ...{ name: "CardRefused", data: { card: "refused" }, isActionError: true },
    });
    expect((await call({ action: "pay", input: { card: 5 } })).failed).toMatchObject({
      ...{ code: "INVALID_INPUT", status: 422, issues: [{ path: "card" }] },
    });
    const { failed } = await call({ action: "boom", input: "4111" });
    expect(failed).toMatchObject({ code: "HANDLER_THREW", status: 500 });
    expect(JSON.stringify(failed)).not.toContain("4111");
    expect(await call({ action: "page" })).toEqual({ value: "as it is" });
    expect(await call({ action: "drop" })).toEqual({});
    // An action without `encrypt` answers in the way of the call.
    expect(await call({ action: "list" })).toMatchObject({ value: expect.any(Number) });
    expect((await call({ action: "nothing" })).failed).toMatchObject({ code: "NO_SUCH_ACTION" });
  });

  it("sends nothing in clear", async () => {
    const { failed } = await call({ path: "/orders.pay", input: { card: "4111" } });
    expect(failed.name).toBe("NotSupportedError");
  });
});

it("connect seals with the key file of a user", async () => {
  const seal = { label: "payments", as: "user:ann", keys: keysDir };
  type Orders = { pay: { input: { card: string }; output: { receipt: string } } };
  await using client = await connect<Orders>("orders", { nats: world.nats.url, seal });
  expect(await client.pay({ card: "4111" })).toMatchObject({ receipt: "paid with 4111" });
  await expect(client.pay({ card: "refused" })).rejects.toMatchObject({ name: "CardRefused" });
  const nobody = { ...seal, as: "user:bob" };
  await using other = await connect<Orders>("orders", { nats: world.nats.url, seal: nobody });
  await expect(other.pay({ card: "4111" })).rejects.toMatchObject({ code: "KEYS_MISSING" });
  await using clear = await connect<Orders>("orders", { nats: world.nats.url });
  await expect(clear.pay({ card: "4111" })).rejects.toMatchObject({ code: "SEAL_MISSING", status: 400 });
});

it("refuses calls in clear, over HTTP and NATS", async () => {
  const before = (await world.call("/orders.list")).text;
  for (const body of ['{"card":"4111"}', "", "null"]) {
    const answer = await world.call("/orders.pay", { method: "POST", body });
    expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status: 400, code: "SEAL_MISSING" });
  }
  const reply = await world.connection.request("orders.pay", '{"card":"4111"}', { timeoutMs: 20_000 });
  expect(codeOf({ text: reply.text() })).toBe("SEAL_MISSING");
  expect((await world.call("/orders.list")).text).toBe(before);
});

it("takes a JWE of any client that has the label, and answers with one", async () => {
  const content = { id: "call-1", at: Date.now(), input: { card: "4111" } };
  const sealed = await request("pay", content);
  const { status, text } = await pay(sealed);
  expect(text).not.toContain("4111");
  const open = (id: string, told: string) =>
    ann.port.open("payments", ["call", "orders", "pay", "response", id, told], text);
  const answer = JSON.parse(await open("call-1", String(status)));
  expect(answer.type).toBe("application/json");
  expect(JSON.parse(answer.body)).toMatchObject({ receipt: "paid with 4111" });
  // The answer belongs to this request and status.
  await expect(open("call-2", String(status))).rejects.toMatchObject({ code: "SEAL_MOVED" });
  await expect(open("call-1", "402")).rejects.toMatchObject({ code: "SEAL_MOVED" });
  const again = await request("pay", content);
  const reply = await world.connection.request("orders.pay", again, { timeoutMs: 20_000 });
  expect(reply.text()).toMatch(/^eyJ[\w-]+(\.[\w-]+){4}$/);
});

it("refuses an input that was moved, altered, cut, too old, or sealed for others, each by its code", async () => {
  const content = { id: "call-3", at: Date.now(), input: { card: "4111" } };
  const sealed = await request("pay", content);
  expect(codeOf(await pay(sealed, "refund"))).toBe("SEAL_MOVED");
  expect(codeOf(await pay(sealed.slice(0, -4)))).toBe("SEAL_BROKEN");
  const dot = sealed.lastIndexOf(".") - 1;
  const other = sealed[dot] === "A" ? "B" : "A";
  expect(codeOf(await pay(`${sealed.slice(0, dot)}${other}${sealed.slice(dot + 1)}`))).toBe("SEAL_BROKEN");
  expect(codeOf(await pay(sealed.split(".").slice(0, 4).join(".")))).toBe("SEAL_MISSING");
  // An answer is no request.
  const answer = (await pay(await request("pay", { ...content, id: "call-4" }))).text;
  expect(codeOf(await pay(answer))).toBe("SEAL_MOVED");
  for (const minutes of [-6, 6]) {
    const text = await pay(await request("pay", { ...content, at: Date.now() + minutes * 60_000 }));
    expect(codeOf(text)).toBe("SEAL_STALE");
    expect(text.text).toContain(minutes < 0 ? "ago" : "ahead");
  }
  await grantLabel(place, { label: "others", recipient: "user:ann" });
  const foreign = await ann.port.seal(
    "others",
    ["call", "orders", "pay", "request"],
    JSON.stringify(content),
  );
  expect(codeOf(await pay(foreign))).toBe("SEAL_MOVED");
});

it("takes an input once, and a copy where the action may be called twice", async () => {
  const content = (id: string) => ({ id, at: Date.now(), input: { card: "4111" } });
  const before = Number((await world.call("/orders.list")).text);
  const sealed = await request("pay", content("call-5"));
  expect((await pay(sealed)).status).toBe(200);
  for (const copy of [sealed, `${sealed}\n`]) {
    const answer = await pay(copy);
    expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status: 409, code: "SEAL_REPLAYED" });
  }
  const over = await world.connection.request("orders.pay", sealed, { timeoutMs: 20_000 });
  expect(codeOf({ text: over.text() })).toBe("SEAL_REPLAYED");
  expect(Number((await world.call("/orders.list")).text)).toBe(before + 1);
  // Another input of the same id is none of them.
  expect((await pay(await request("pay", content("call-5")))).status).toBe(200);
  const asked = await request("status", content("call-6"));
  for (const copy of [asked, asked]) expect((await pay(copy, "status")).status).toBe(200);
});

it("is refused at the push where the label is not granted", async () => {
  const code = ORDERS.replace('"orders"', '"strange"').replaceAll('"payments"', '"unknown"');
  await expect(world.push("strange", code)).rejects.toThrow(/LABEL_UNKNOWN|no such label/);
});

it.each([
  { tool: true },
  { path: "orders/{id}" },
  { subject: "orders.{id}.pay" },
  { method: "GET" as const },
])("has no address or caller that would show the input: %j", (options) => {
  const made = service({ name: "orders", version: "1.0.0" }).action(
    "pay",
    { encrypt: "payments", ...options },
    () => 1,
  );
  expect(() => made.describe()).toThrow(/encrypt/);
});
