import { request } from "node:http";
import { Validator } from "@seriousme/openapi-schema-validator";
import { describe, expect, it } from "vitest";
import { ordersInterface, serviceInterface } from "../../test/harness/service-spec.ts";
import { specOf, startGatewayWorld } from "../testing/world.ts";
import { createOpenApi } from "./open-api.ts";
import { toolsOf } from "./tools.ts";

const orders = specOf("orders", { interface: ordersInterface });
const carts = specOf("carts", {
  interface: serviceInterface("carts", {
    actions: [
      { name: "all", isReadOnly: true, input: { type: "object", properties: { page: { type: "integer" } } } },
      { name: "get", path: "/carts/{cart}", method: "GET" },
      { name: "drop", path: "/carts/{id}", method: "DELETE" },
    ],
  }),
});

const zoo = specOf("zoo", {
  interface: serviceInterface("zoo", {
    actions: [
      // The path belongs to the service that is first by name.
      { name: "steal", path: "/orders/{order}", method: "GET" },
      // No document can tell its address.
      { name: "any", subject: "zoo.any.*" },
      { name: "feed", encrypt: "keepers", isTool: true, input: { type: "object" } },
    ],
  }),
});

const hidden = specOf("hidden", { routes: [], interface: ordersInterface });

describe("the OpenAPI document", () => {
  it("is valid by a public validator", async () => {
    const document = createOpenApi([zoo, orders, carts]);
    const { valid, errors } = await new Validator().validate(structuredClone({ ...document }));
    expect({ valid, errors }).toEqual({ valid: true, errors: undefined });
  });

  it("has each action by its subject, by GET where it is read-only, and by its path", () => {
    const { paths } = createOpenApi([orders]) ?? {};
    const operations = Object.entries(paths ?? {}).flatMap(([path, item]) =>
      Object.entries(item).map(([method, { operationId }]) => `${method} ${path} ${operationId}`),
    );
    expect(operations).toEqual([
      "post /orders.get orders.get",
      "get /orders.get orders.get.get",
      "get /orders/{id} orders.get.path",
      "post /orders.pay orders.pay",
      "post /orders/{id}/pay orders.pay.path",
      "post /orders.item.{id} orders.item",
      "post /orders.sweep orders.sweep",
    ]);
  });

  it("shows a sealed action as texts of its label, and no tool of it", () => {
    const post = createOpenApi([zoo])?.paths["/zoo.feed"]?.post;
    expect(post).toMatchObject({
      description: expect.stringContaining("Sealed for the label keepers"),
      requestBody: { content: { "application/jose": { schema: { type: "string" } } } },
    });
    expect([...toolsOf([zoo, orders], ["*"]).keys()]).not.toContain("zoo-feed");
    expect(toolsOf([zoo, orders], ["*"]).size).toBeGreaterThan(0);
  });

  it("divides an input between path, query and body, and keeps references true", () => {
    const document = createOpenApi([zoo, orders, carts, hidden]);
    const { paths = {}, components } = document ?? {};
    expect(paths["/orders/{id}/pay"]?.post).toMatchObject({
      parameters: [{ name: "id", in: "path", required: true, schema: { type: "string" } }],
      requestBody: {
        content: {
          "application/json": { schema: { properties: { cents: { type: "integer" } }, required: ["cents"] } },
        },
      },
    });
    expect(paths["/carts.all"]?.get?.parameters).toEqual([
      { name: "page", in: "query", required: false, schema: { type: "integer" } },
    ]);
    expect(components?.schemas["orders.get.output"]).toMatchObject({
      properties: { lines: { items: { $ref: "#/components/schemas/orders.get.output/$defs/Line" } } },
    });
    expect(components?.schemas["orders.get.output"]).not.toHaveProperty("$schema");
    expect(paths["/orders/{id}"]?.get?.responses).toHaveProperty("404");
    // The same path with other names is one path.
    expect(Object.keys(paths["/carts/{cart}"] ?? {})).toEqual(["get", "delete"]);
    expect(paths["/orders/{id}"]?.get?.operationId).toBe("orders.get.path");
    expect(paths).not.toHaveProperty("/orders/{order}");
    expect(document?.tags.map(({ name }) => name)).toEqual(["carts", "orders", "zoo"]);
    expect(Object.keys(paths).filter((path) => path.startsWith("/zoo"))).toEqual(["/zoo.steal", "/zoo.feed"]);
  });

  it("is of one service where that is asked for", () => {
    expect(createOpenApi([orders, carts], "orders")?.info).toEqual({
      title: "orders",
      version: "1.2.0",
      description: "Orders and their payment.",
    });
    expect(createOpenApi([orders], "nobody")).toBeUndefined();
  });
});

/** A request with header fields of its own choice: `fetch` would not send them. */
function ask(url: string, path: string, headers: Record<string, string> = {}) {
  return new Promise<{ status: number; text: string; policy: string }>((resolve, reject) => {
    request(url + path, { headers }, async (response) => {
      const text = (await response.setEncoding("utf8").toArray()).join("");
      const policy = String(response.headers["content-security-policy"] ?? "");
      resolve({ status: response.statusCode ?? 0, text, policy });
    })
      .on("error", reject)
      .end();
  });
}

describe("the gateway's own pages", () => {
  it("tells programs of this machine alone, unless it says so", async () => {
    await using world = await startGatewayWorld({
      specs: [orders],
      gateway: { interfaces: { openApi: "local" } },
    });
    const { port, host } = new URL(world.url);
    const { status, text } = await ask(world.url, "/openapi.json");
    expect(status).toBe(200);
    expect(JSON.parse(text).tags).toEqual([{ name: "orders", description: "Orders and their payment." }]);
    const refused: Record<string, string>[] = [
      { "x-forwarded-for": "127.0.0.1" },
      { forwarded: "for=127.0.0.1" },
      { host: `evil.example:${port}` },
      { host: `127.evil.example:${port}` },
      { origin: "https://evil.example" },
      { origin: "null" },
    ];
    for (const headers of refused)
      expect([headers, (await ask(world.url, "/openapi.json", headers)).status]).toEqual([headers, 404]);
    expect((await ask(world.url, "/openapi.json", { host, origin: `http://${host}` })).status).toBe(200);
    expect((await ask(world.url, "/openapi.json?service=nobody")).status).toBe(404);

    const open = await world.startGateway({ interfaces: { openApi: "public" } });
    expect((await ask(open.httpUrl, "/openapi.json", { host: "api.example" })).status).toBe(200);
    expect((await fetch(`${open.httpUrl}/openapi.json`, { method: "POST" })).status).toBe(404);
    const closed = await world.startGateway();
    expect((await ask(closed.httpUrl, "/openapi.json")).status).toBe(404);
  });

  it("serves a page whose policy lets its own script run, and nothing else", async () => {
    await using world = await startGatewayWorld({ gateway: { interfaces: { openApi: "local" } } });
    const { status, text, policy } = await ask(world.url, "/docs");
    expect(status).toBe(200);
    expect(text).not.toMatch(/(?:src|href)="(?!\/openapi\.json)/);
    const [, script = ""] = /<script type="module">([\s\S]*)<\/script>/.exec(text) ?? [];
    const digest = Buffer.from(await crypto.subtle.digest("SHA-256", Buffer.from(script))).toString("base64");
    expect(policy).toContain(`script-src 'sha256-${digest}'`);
    expect(policy).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    // It is a whole program.
    expect(() => new Function(`return async () => {${script}}`)).not.toThrow();
  });

  it("leaves the path to a function that has it", async () => {
    const specs = [specOf("mine", { routes: [{ path: "/docs" }] })];
    const gateway = { interfaces: { openApi: "public" }, hold: { holdMs: 50 } } as const;
    await using world = await startGatewayWorld({ specs, gateway });
    // No node runs it: the function's own error, and not the page.
    expect((await ask(world.url, "/docs")).status).toBe(503);
    expect((await ask(world.url, "/openapi.json")).status).toBe(200);
  });
});
