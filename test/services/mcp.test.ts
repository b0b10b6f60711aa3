/** MCP with the official SDK's client, on a whole narun. */
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addToolKey, removeToolKey } from "../../control/index.ts";
import { eventually } from "../harness/eventually.ts";
import { ordersInterface, serviceInterface } from "../harness/service-spec.ts";
import { startWorld, type World } from "../harness/world.ts";
import { describe as describeService } from "./described.ts";

const ORDERS = `export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    const input = await request.json().catch(() => undefined);
    const caller = request.headers.get("narun-caller");
    if (pathname === "/orders.get" && input.id === "none")
      return Response.json(
        { type: "urn:narun:error:ACTION_ERROR", title: "x", status: 404, code: "ACTION_ERROR", error: { name: "OrderNotFound", data: { id: "none" } } },
        { status: 404, headers: { "content-type": "application/problem+json" } },
      );
    if (pathname === "/orders.get") return Response.json({ id: input.id, caller, authorization: request.headers.get("authorization") });
    if (pathname === "/orders.pay") return Response.json({ receipt: input.id + ":" + input.cents });
    if (pathname === "/orders.throw") throw new Error("secret of the inside");
    return new Response("no such action", { status: 404 });
  },
};`;

let world: World;
let clients: Client[] = [];

async function connect(url: string, key?: string): Promise<Client> {
  const client = new Client({ name: "test", version: "1.0.0" });
  const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
  await client.connect(new StreamableHTTPClientTransport(new URL("/mcp", url), { requestInit: { headers } }));
  clients.push(client);
  return client;
}

const namesOf = async (client: Client) => (await client.listTools()).tools.map(({ name }) => name);

beforeAll(async () => {
  world = await startWorld({ gateway: { interfaces: { mcp: "local" } } });
  await world.push("orders", ORDERS);
  await world.push("stock", ORDERS);
  await describeService(world, "orders", {
    ...ordersInterface,
    actions: [
      ...ordersInterface.actions,
      ...serviceInterface("orders", { actions: [{ name: "throw", isTool: true }] }).actions,
    ],
  });
  const stock = serviceInterface("stock", {
    actions: [{ name: "count", isTool: true, input: { type: "string" } }],
  });
  await describeService(world, "stock", stock);
  const client = await connect(world.gateway.httpUrl);
  await eventually(async () => expect(await namesOf(client)).toHaveLength(4));
});

afterAll(async () => {
  for (const client of clients) await client.close();
  clients = [];
  await world[Symbol.asyncDispose]();
});

describe("MCP", () => {
  it("offers the actions that are tools, with their schemas", async () => {
    const { tools } = await (await connect(world.gateway.httpUrl)).listTools();
    expect(tools.map(({ name }) => name)).toEqual([
      "orders-get",
      "orders-pay",
      "orders-throw",
      "stock-count",
    ]);
    expect(tools[0]).toMatchObject({
      description: "One order.",
      inputSchema: { type: "object", properties: { id: { type: "string" } }, required: ["id"] },
      outputSchema: { type: "object" },
      annotations: { readOnlyHint: true, idempotentHint: true },
    });
    expect(tools[3]?.inputSchema).toEqual({
      type: "object",
      properties: { input: { type: "string" } },
      required: ["input"],
    });
  });

  it("calls an action of a service that sleeps", async () => {
    const client = await connect(world.gateway.httpUrl);
    const result = await client.callTool({ name: "orders-pay", arguments: { id: "7", cents: 250 } });
    expect(result).toMatchObject({ structuredContent: { receipt: "7:250" } });
    expect(result.isError).toBeFalsy();
  });

  it("gives errors of the service as they are, and those of the platform without its inside", async () => {
    const client = await connect(world.gateway.httpUrl);
    const told = async (name: string, args: Record<string, unknown>) => {
      const { isError, content } = await client.callTool({ name, arguments: args });
      const [{ text = "" } = {}] = content as { text?: string }[];
      return { isError, text };
    };
    const missing = await told("orders-get", { id: "none" });
    expect(missing.isError).toBe(true);
    expect(JSON.parse(missing.text).error).toEqual({ name: "OrderNotFound", data: { id: "none" } });
    const threw = await told("orders-throw", {});
    expect(JSON.parse(threw.text)).toMatchObject({ code: "HANDLER_THREW", status: 500 });
    expect(threw.text).not.toContain("secret of the inside");
    expect((await told("orders-sweep", {})).text).toContain("There is no tool");
  });

  it("shows and calls what a key allows, and nothing else", async () => {
    const { key } = await addToolKey(world.connection, { name: "assistant", allow: ["orders.get", "stock"] });
    const client = await connect(world.gateway.httpUrl, key);
    expect(await namesOf(client)).toEqual(["orders-get", "stock-count"]);
    const { structuredContent } = await client.callTool({ name: "orders-get", arguments: { id: "7" } });
    // The service sees who calls, and not the key.
    expect(structuredContent).toEqual({ id: "7", caller: "mcp:assistant", authorization: null });
    // A refusal of the service would be an error, too.
    for (const name of ["orders-pay", "orders-throw", "narun-registry-list"])
      expect(await client.callTool({ name, arguments: { id: "7", cents: 1 } })).toEqual({
        isError: true,
        content: [{ type: "text", text: `There is no tool ${JSON.stringify(name)}.` }],
      });
    await removeToolKey(world.connection, "assistant");
    await expect(namesOf(client)).rejects.toThrow(/401|valid key/);
  });

  it.each([
    ["an action", ["orders.pay"], ["orders-pay"]],
    ["two services", ["stock", "orders"], ["orders-get", "orders-pay", "orders-throw", "stock-count"]],
    ["the beginning of a service's name", ["order"], []],
    ["the beginning of an action's name", ["orders.ge"], []],
    ["an action of another service", ["stock.get"], []],
    ["names in capitals", ["Orders", "orders.GET"], []],
  ])("a key with %s neither shows nor calls more", async (_, allow, names) => {
    const keyName = `scoped-${allow.join("-").replaceAll(".", "_")}`;
    const { key } = await addToolKey(world.connection, { name: keyName, allow });
    // On this machine no key would do; one that is sent counts.
    const client = await connect(world.gateway.httpUrl, key);
    expect(await namesOf(client)).toEqual(names);
    for (const name of ["orders-get", "orders-pay", "stock-count"]) {
      if (names.includes(name)) continue;
      const { isError, content } = await client.callTool({
        name,
        arguments: { id: "7", cents: 1, input: "x" },
      });
      expect({ isError, content }).toEqual({
        isError: true,
        content: [{ type: "text", text: `There is no tool "${name}".` }],
      });
    }
  });

  it("refuses scopes that are none", async () => {
    for (const allow of [[], [""], ["orders.*"], ["orders.get.x"], ["or ders"], ["*", "orders."]])
      await expect(addToolKey(world.connection, { name: "wrong", allow })).rejects.toMatchObject({
        code: "USAGE",
      });
  });

  it("is closed without a key where keys are needed, and to clients of other machines", async () => {
    const strict = await world.startGateway({ interfaces: { mcp: "keys" } });
    await expect(connect(strict.httpUrl)).rejects.toThrow(/401|valid key/);
    const { key } = await addToolKey(world.connection, { name: "strict", allow: ["*"] });
    const client = await connect(strict.httpUrl, key);
    await eventually(async () => expect(await namesOf(client)).toHaveLength(4));

    const status = async (url: string, headers: Record<string, string>) =>
      (await fetch(`${url}/mcp`, { method: "POST", headers, body: "{}" })).status;
    // A proxy on this machine tells of a client elsewhere; a page of another site.
    expect(await status(world.gateway.httpUrl, { "x-forwarded-for": "203.0.113.9" })).toBe(401);
    expect(await status(world.gateway.httpUrl, { origin: "https://evil.example" })).toBe(401);
    const { key: newer } = await addToolKey(world.connection, { name: "other", allow: ["*"] });
    const foreign = newer.replace("other", "strict");
    expect(foreign).toHaveLength(key.length);
    for (const wrong of [foreign, `${key}x`, key.replace("strict", "assistant"), "narun.strict.short", "x"])
      expect([wrong, await status(world.gateway.httpUrl, { authorization: `Bearer ${wrong}` })]).toEqual([
        wrong,
        401,
      ]);
    const old = await addToolKey(world.connection, { name: "old", allow: ["*"], validMs: -1 });
    expect(await status(strict.httpUrl, { authorization: `Bearer ${old.key}` })).toBe(401);
    const none = await world.startGateway();
    expect(await status(none.httpUrl, {})).toBe(404);
  });

  it("bounds the message of a client", async () => {
    const body = JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "ping",
      params: { x: "y".repeat(1_100_000) },
    });
    const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
    const { status } = await fetch(`${world.gateway.httpUrl}/mcp`, { method: "POST", headers, body });
    expect(status).toBe(413);
  });
});
