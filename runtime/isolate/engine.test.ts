import { describe, expect, it } from "vitest";
import { EnterOp } from "../../web/host/boundary.ts";
import { callJson, loadTestFunction, testEngine } from "../testing/sandbox.ts";

const SHORT_CPU_MS = 100;

async function load(code: string) {
  const sandbox = await (await testEngine()).create(32, () => undefined);
  return {
    sandbox,
    outcome: await sandbox.load({
      code,
      fileName: "test",
      env: { values: {}, bindings: [] },
      cpuMs: SHORT_CPU_MS,
    }),
  };
}

function enter(sandbox: Awaited<ReturnType<typeof load>>["sandbox"]) {
  return sandbox.enter(SHORT_CPU_MS, EnterOp.request, 1, "GET", "http://a/", "", undefined, "r", 0);
}

describe("limits", () => {
  it.each([
    ["the handler", "export default () => { for (;;); }"],
    ["a microtask", "export default async () => { await null; for (;;); }"],
    ["a getter that the platform reads", "export default () => ({ get then() { for (;;); } })"],
    ["toString of what was thrown", "export default () => { throw { toString() { for (;;); } } }"],
    [
      "a sleeping thread",
      "export default () => { Atomics.wait?.(new Int32Array(new SharedArrayBuffer(4)), 0, 0); for (;;); }",
    ],
  ])("ends an endless loop in %s, and a neighbour goes on", async (_where, code) => {
    const neighbour = await loadTestFunction("export default () => new Response('fine')");
    const { sandbox, outcome } = await load(code);
    expect(outcome).toEqual({ kind: "ok" });
    const [looped, answer] = await Promise.all([enter(sandbox), neighbour.call()]);
    expect(looped).toEqual({ kind: "cpu-limit", stack: expect.stringContaining("    at ") });
    expect(answer).toMatchObject({ kind: "response", body: "fine" });
    sandbox.dispose();
  });

  it("ends an endless loop at the top level", async () => {
    const { outcome } = await load("for (;;); export default () => new Response()");
    expect(outcome).toMatchObject({ kind: "cpu-limit" });
  });

  it("ends an isolate that uses too much memory, and a neighbour goes on", async () => {
    const neighbour = await loadTestFunction("export default () => new Response('fine')");
    const { sandbox } = await load(
      "export default () => { const kept = []; for (;;) kept.push(new Array(100_000).fill(kept.length)); }",
    );
    const outcome = await sandbox.enter(
      10_000,
      EnterOp.request,
      1,
      "GET",
      "http://a/",
      "",
      undefined,
      "r",
      0,
    );
    expect(outcome).toEqual({ kind: "memory-limit" });
    expect(await neighbour.call()).toMatchObject({ body: "fine" });
  });
});

describe("loading", () => {
  it("waits for a top-level await", async () => {
    expect(
      (await load("const x = await Promise.resolve(1); export default () => new Response(x)")).outcome,
    ).toEqual({ kind: "ok" });
  });

  it("waits for a timer that the top level awaits, and reports a failure after it", async () => {
    const later = (code: string) => `await new Promise((resolve) => setTimeout(resolve, 5)); ${code}`;
    const fn = await loadTestFunction(later("export default () => new Response('late')"));
    expect(await fn.call()).toMatchObject({ body: "late" });
    await expect(loadTestFunction(later("throw new Error('too late')"))).rejects.toMatchObject({
      loaded: { kind: "uncaught", stack: expect.stringContaining("too late") },
    });
  });

  it("reports an exception of a module, with its place", async () => {
    expect((await load("\nthrow new Error('at the top')")).outcome).toEqual({
      kind: "uncaught",
      stack: expect.stringMatching(/^Error: at the top\n {4}at test:2:7$/),
    });
  });

  it.each([
    ["export const other = 1", "the module exports only other"],
    ["1", "the module exports nothing"],
    ["export default 5", "the default export is a number, neither a function nor an object with fetch"],
    ["export default { fetch: 1 }", `the default export's "fetch" is a number, not a function`],
    [
      "export default class { fetch() {} }",
      "the default export is a class, of which nothing makes an instance: write `export default new Name()`, or make `fetch` static",
    ],
  ])("says why %j has no handler", async (code, reason) => {
    expect((await load(code)).outcome).toEqual({ kind: "no-handler", reason });
  });

  it("reports a rejection without a handler, and goes on", async () => {
    const { sandbox } = await load(
      "export default () => { Promise.reject(new Error('lost')); return new Response() }",
    );
    expect(await enter(sandbox)).toEqual({ kind: "uncaught", stack: expect.stringContaining("lost") });
    expect(await enter(sandbox)).toMatchObject({ kind: "uncaught" });
  });

  it("reports a rejection with an object that is no error in a message of its own", async () => {
    const { sandbox } = await load("export default () => { Promise.reject({}); return new Response() }");
    expect(await enter(sandbox)).toEqual({
      kind: "uncaught",
      stack: "Error: what was thrown is an object, and no Error",
    });
  });
});

describe("the boundary", () => {
  it("keeps every object of the host out of reach", async () => {
    // Walks every object that properties and prototypes of the global object, of errors and of promises lead to.
    const found = await callJson(`
      const suspicious = /isolated.?vm|^(ivm|process|require|Reference|ExternalCopy|Callback)$|__narun/i;
      const own = [function () {}, async function () {}, function* () {}, async function* () {}].map((f) => Reflect.getPrototypeOf(f));
      const isOwn = (f) => { for (let p = f; p !== null; p = Reflect.getPrototypeOf(p)) if (own.includes(p)) return true; return false };
      export default async (request, env, context) => {
        const seen = new Set(), found = [];
        const queue = [["globalThis", globalThis], ["request", request], ["env", env], ["context", context]];
        try { null.x } catch (error) { queue.push(["error", error]) }
        try { new URL("nope") } catch (error) { queue.push(["urlError", error]) }
        queue.push(["rejected", await Promise.reject(new Error()).catch((error) => error)]);
        while (queue.length > 0) {
          const [path, value] = queue.pop();
          if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) continue;
          seen.add(value);
          if (typeof value === "function" && !isOwn(value)) found.push(path + ": a function of another realm");
          for (const key of Reflect.ownKeys(value)) {
            if (typeof key === "string" && suspicious.test(key)) found.push(path + "." + key);
            const d = Reflect.getOwnPropertyDescriptor(value, key);
            for (const inner of [d.value, d.get, d.set]) queue.push([path + "." + String(key), inner]);
          }
          queue.push([path + ".__proto__", Reflect.getPrototypeOf(value)]);
        }
        return Response.json({ found, walked: seen.size > 500 });
      }`);
    expect(found).toEqual({ found: [], walked: true });
  });

  it("survives a handler that changes every intrinsic", async () => {
    const fn = await loadTestFunction(`
      Map.prototype.get = Set.prototype.delete = Array.prototype.push = Promise.prototype.then = () => { throw new Error("changed") };
      Object.prototype.status = 999; String.prototype.split = () => [];
      export default () => new Response("answered")`);
    const neighbour = await loadTestFunction("export default () => new Response('fine')");
    // The outcome of its own request does not matter here.
    await enter(fn.sandbox);
    expect(await neighbour.call()).toMatchObject({ body: "fine" });
  });
});
