import { afterAll, describe, expect, it } from "vitest";
import { startWorld } from "./harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

describe("a handler may be", () => {
  it("a default function", async () => {
    await world.push("plain", `export default async () => new Response("from a function");`);
    expect(await world.call("/plain")).toMatchObject({ status: 200, text: "from a function" });
  });

  it("a default object with fetch, which gets the env values and a context", async () => {
    const source = `
      export default {
        greeting: "this is kept",
        fetch(request: Request, env: Record<string, string>, ctx: { requestId: string; deadline: number }) {
          return Response.json([this.greeting, env, typeof ctx.requestId, ctx.deadline > Date.now()]);
        },
      };
    `;
    const env = [
      { name: "GREETING", value: "Hallo" },
      { name: "EMPTY", value: "" },
    ];
    await world.push("worker", source, { env });
    const { text } = await world.call("/worker");
    expect(JSON.parse(text)).toEqual(["this is kept", { GREETING: "Hallo", EMPTY: "" }, "string", true]);
  });

  it("a function for each method: GET answers HEAD, too, and what is missing is 405", async () => {
    const source = `
      export const GET = () => new Response("got", { headers: { "X-By": "GET" } });
      export async function POST(request: Request) { return new Response("posted " + (await request.text())); }
    `;
    await world.push("methods", source);
    expect(await world.call("/methods")).toMatchObject({ status: 200, text: "got" });
    expect(await world.call("/methods", { method: "POST", body: "it" })).toMatchObject({ text: "posted it" });
    const head = await world.call("/methods", { method: "HEAD" });
    expect(head).toMatchObject({ status: 200, text: "" });
    expect(head.headers.get("x-by")).toBe("GET");
    const refused = await world.call("/methods", { method: "DELETE" });
    expect(refused.status).toBe(405);
    expect(refused.headers.get("allow")?.split(", ").sort()).toEqual(["GET", "HEAD", "POST"]);
  });

  it.each([
    ["a function", `module.exports = () => new Response("common");`],
    ["fetch", `exports.fetch = () => new Response("common");`],
    ["an object with fetch", `module.exports = { fetch: () => new Response("common") };`],
    ["a default", `exports.default = () => new Response("common");`],
    ["a default with fetch", `exports.default = { fetch: () => new Response("common") };`],
    [
      "a default, as compilers write it",
      `Object.defineProperty(exports, "__esModule", { value: true }); exports.default = () => new Response("common");`,
    ],
    ["methods", `exports.GET = () => new Response("common");`],
    [
      "a class with a static fetch",
      `module.exports = class { static fetch() { return new Response("common"); } };`,
    ],
  ])("a CommonJS module that exports %s", async (_, source) => {
    await world.push("common", { "index.js": source });
    expect(await world.call("/common")).toMatchObject({ status: 200, text: "common" });
  });

  it("a TypeScript module with export =", async () => {
    await world.push("assigned", "const handler = () => new Response('assigned'); export = handler;");
    expect(await world.call("/assigned")).toMatchObject({ status: 200, text: "assigned" });
  });

  it("no class with fetch: a push says what to write", async () => {
    const source = "export default class Api { fetch() { return new Response(); } }";
    await expect(world.push("classy", source)).rejects.toMatchObject({
      code: "TRIAL_FAILED",
      fields: { reason: "NO_HANDLER", detail: expect.stringContaining("export default new Name()") },
    });
  });

  it("a Hono app", async () => {
    const source = `
      import { Hono } from "hono";
      const app = new Hono().basePath("/app");
      app.get("/x", (c) => c.text("hi"));
      app.post("/:id", async (c) => c.json({ id: c.req.param("id"), body: await c.req.json() }, 201));
      app.get("/env", (c) => c.text(String(c.env.WHO)));
      export default app;
    `;
    await world.push("app", source, { env: [{ name: "WHO", value: "you" }] });
    expect(await world.call("/app/x")).toMatchObject({ status: 200, text: "hi" });
    const created = await world.call("/app/7", { method: "POST", body: JSON.stringify({ a: 1 }) });
    expect(created.status).toBe(201);
    expect(JSON.parse(created.text)).toEqual({ id: "7", body: { a: 1 } });
    expect(await world.call("/app/env")).toMatchObject({ text: "you" });
    expect(await world.call("/app/nowhere/at/all")).toMatchObject({ status: 404, code: undefined });
  });
});
