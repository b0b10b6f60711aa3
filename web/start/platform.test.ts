import { describe, expect, it } from "vitest";
import { callJson, loadTestFunction } from "../../runtime/testing/sandbox.ts";

/** Evaluates an expression inside an isolate, as JSON. */
const evaluate = (expression: string) =>
  callJson(`export default async () => Response.json(await (async () => (${expression}))())`);

describe("URL, text and entropy", () => {
  it.each([
    ["new URL('../b?q=1#h', 'http://a/x/y').href", "http://a/b?q=1#h"],
    ["new URL('http://exämple.com/').host", "xn--exmple-cua.com"],
    ["[...new URLSearchParams('a=1&b=2&a=3').getAll('a')]", ["1", "3"]],
    ["URL.canParse('nope')", false],
    ["new TextDecoder().decode(new TextEncoder().encode('a€😀'))", "a€😀"],
    ["new TextDecoder('utf-16le').decode(new Uint8Array([104, 0, 105, 0]))", "hi"],
    ["crypto.randomUUID().length", 36],
    ["crypto.randomUUID() !== crypto.randomUUID()", true],
    ["crypto.getRandomValues(new Uint8Array(65536)).some((byte) => byte > 0)", true],
    [
      "new Set(Array.from({ length: 500 }, () => crypto.getRandomValues(new Uint32Array(4)).join())).size",
      500,
    ],
  ])("%s is %j", async (expression, expected) => {
    expect(await evaluate(expression)).toEqual(expected);
  });

  it("gives two isolates of one snapshot different randomness", async () => {
    const code = "export default () => Response.json([crypto.randomUUID(), Math.random()])";
    expect(await callJson(code)).not.toEqual(await callJson(code));
  });
});

describe("timers", () => {
  it("fire in order, with their arguments, and not when cleared", async () => {
    expect(
      await evaluate(`new Promise((resolve) => {
        const seen = [];
        const never = setTimeout(() => seen.push("never"), 1);
        clearTimeout(never);
        setTimeout((value) => { seen.push(value); resolve(seen) }, 30, "late");
        setTimeout(() => seen.push("early"), 1);
        queueMicrotask(() => seen.push("first"));
      })`),
    ).toEqual(["first", "early", "late"]);
  });

  it("repeat until they are cleared", async () => {
    expect(
      await evaluate(
        `new Promise((resolve) => { let count = 0; const id = setInterval(() => { if (++count === 3) { clearInterval(id); resolve(count) } }, 1) })`,
      ),
    ).toBe(3);
  });
});

describe("a loop that never pauses", () => {
  it("cannot open timers without end", async () => {
    const fn = await loadTestFunction(
      `export default () => { for (;;) setTimeout(() => undefined, 60_000) }`,
    );
    expect(await fn.call()).toMatchObject({
      kind: "failure",
      why: "threw",
      text: expect.stringContaining("timers"),
    });
    fn.sandbox.dispose();
  });
});

describe("handlers", () => {
  it.each([
    ["a function", "export default (request, env) => new Response(env.NAME)"],
    ["a module worker", "export default { fetch(request, env) { return new Response(env.NAME) } }"],
    ["functions by method", "export async function GET(request, env) { return new Response(env.NAME) }"],
    [
      "a worker that uses this",
      "export default { name() { return this.env }, env: 'x', fetch(r, env) { return new Response(this.name() + env.NAME) } }",
    ],
  ])("may be %s", async (_kind, code) => {
    const fn = await loadTestFunction(code, { NAME: "Ada" });
    expect(await fn.call()).toMatchObject({ kind: "response", body: expect.stringContaining("Ada") });
  });

  it("answer HEAD by GET, and say which methods there are", async () => {
    const fn = await loadTestFunction("export const GET = () => new Response('x'); export const PUT = GET");
    expect(await fn.call({ method: "HEAD" })).toMatchObject({ kind: "response", status: 200 });
    expect(await fn.call({ method: "POST" })).toEqual({
      kind: "failure",
      why: "methodNotAllowed",
      text: "GET, PUT, HEAD",
    });
  });

  it.each([
    ["undefined", "() => undefined", "it returned undefined"],
    ["a string", "() => 'text'", "it returned a string"],
    ["an object like a response", "() => ({ status: 200, body: 'x' })", "it returned an object"],
  ])("that return %s fail", async (_what, handler, text) => {
    const fn = await loadTestFunction(`export default ${handler}`);
    expect(await fn.call()).toEqual({ kind: "failure", why: "noResponse", text });
  });

  it.each([
    ["throw", "() => { throw new Error('boom') }"],
    ["reject", "async () => { await null; throw new Error('boom') }"],
    ["throw in a getter of what they return", "() => ({ get then() { throw new Error('boom') } })"],
  ])("that %s fail with the stack", async (_what, handler) => {
    const fn = await loadTestFunction(`export default ${handler}`);
    expect(await fn.call()).toMatchObject({
      kind: "failure",
      why: "threw",
      text: expect.stringContaining("boom"),
    });
  });

  it("cannot change what env they are given", async () => {
    expect(
      await callJson("export default (r, env) => { try { env.A = 1 } catch {} return Response.json(env) }"),
    ).toEqual({});
  });
});
