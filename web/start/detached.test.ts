/** The methods of a handler's arguments work without their object: `const { waitUntil } = ctx`. */
import { describe, expect, it } from "vitest";
import { callJson, loadTestFunction } from "../../runtime/testing/sandbox.ts";
import { KvBucket } from "../bindings/kv.ts";
import { KvWatch } from "../bindings/kv-watch.ts";
import { ObjectBucket } from "../bindings/objects.ts";
import { Publisher } from "../bindings/publisher.ts";
import { Service } from "../bindings/service.ts";

describe("ctx", () => {
  it("takes work without its object", async () => {
    const fn = await loadTestFunction(`export default (request, env, { waitUntil }) => {
      waitUntil(Promise.reject(new Error("in the background")));
      return new Response();
    }`);
    await fn.call();
    expect(fn.logs.map(({ text }) => text)).toEqual([
      expect.stringContaining("work of ctx.waitUntil failed: Error: in the background"),
    ]);
  });

  it("lets its method be replaced, as tracers do", async () => {
    expect(
      await callJson(`export default (request, env, ctx) => {
        const seen = [];
        const { waitUntil } = ctx;
        ctx.waitUntil = (work) => { seen.push(typeof work.then); waitUntil(work); };
        ctx.waitUntil(Promise.resolve());
        return Response.json([seen, Object.keys(ctx)]);
      }`),
    ).toEqual([["function"], ["requestId", "deadline", "waitUntil"]]);
  });

  it.each(["waitUntil", "signal", "trailers"])("says that a copy of it has no %s", async (name) => {
    expect(
      await callJson(`export default (request, env, ctx) => {
        const copy = new Proxy(ctx, {});
        try { copy.${name} } catch (error) { return Response.json(\`\${error.name}: \${error.message}\`) }
      }`),
    ).toBe(
      `TypeError: Illegal invocation: ctx.${name} was asked of a copy or a proxy of ctx: take it from the ctx that the handler is given`,
    );
  });
});

describe("bindings", () => {
  it.each([
    new KvBucket("KV"),
    new KvWatch("KV", {}),
    new ObjectBucket("OBJECTS"),
    new Publisher("EVENTS"),
    new Service("USERS", "users"),
  ])("%s has methods that know their object, and shows none of its own", (binding) => {
    const methods = Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(binding)))
      .filter(([name, { value }]) => name !== "constructor" && typeof value === "function")
      .map(([name]) => name);
    expect(methods.length).toBeGreaterThan(0);
    for (const name of methods)
      expect(Object.getOwnPropertyDescriptor(binding, name)?.value.name).toBe(`bound ${name}`);
    expect(Object.keys(binding)).toEqual([]);
  });

  it("work without their object", async () => {
    const asked: unknown[] = [];
    const fn = await loadTestFunction(
      `export default async (request, { KV, OBJECTS }) => {
        const { get, put } = KV;
        const { text } = await (0, OBJECTS.get)("name");
        return Response.json([await get("a"), await put("b", "c"), await text()]);
      }`,
      {
        values: {},
        bindings: [
          { name: "KV", kind: "kv" },
          { name: "OBJECTS", kind: "objects" },
        ],
      },
      {
        "kv.get": async (args) => {
          asked.push(args);
          return undefined;
        },
        "kv.put": async (args) => {
          asked.push(args);
          return 7;
        },
        "objects.get": async () => [["name", 2, "", 0, "v", []], new TextEncoder().encode("hi").buffer],
      },
    );
    const answer = await fn.call();
    if (answer.kind !== "response") throw new Error(answer.text);
    expect(new TextDecoder().decode(await fn.read(answer.body))).toBe('[null,7,"hi"]');
    expect(asked).toHaveLength(2);
  });
});
