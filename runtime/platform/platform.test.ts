import { describe, expect, it } from "vitest";
import { callJson, loadTestFunction } from "../testing/sandbox.ts";

/** Evaluates an expression inside an isolate, as JSON. */
const evaluate = (expression: string) =>
  callJson(`export default async () => Response.json(await (async () => (${expression}))())`);

describe("Request", () => {
  it("has method, URL, headers and body of what came in", async () => {
    const seen = await callJson(
      `export default async (request) => Response.json([request.method, request.url, [...request.headers], await request.text(), request.bodyUsed])`,
      {
        method: "POST",
        url: "http://host/a%20b?c=d",
        headers: [
          ["x-b", "2"],
          ["x-a", "1"],
          ["x-b", "3"],
        ],
        body: new TextEncoder().encode("grüße"),
      },
    );
    expect(seen).toEqual([
      "POST",
      "http://host/a%20b?c=d",
      [
        ["x-a", "1"],
        ["x-b", "2, 3"],
      ],
      "grüße",
      true,
    ]);
  });

  it("hands a body over once, and a clone of it once more", async () => {
    expect(
      await callJson(
        `export default async (request) => {
          const copy = request.clone();
          const first = await request.text();
          const second = await copy.text();
          const third = await request.text().catch((error) => error.name);
          return Response.json([first, second, third]);
        }`,
        { method: "POST", body: new TextEncoder().encode("once") },
      ),
    ).toEqual(["once", "once", "TypeError"]);
  });

  it.each([
    ['new Request("/relative")'],
    ['new Request("http://a", { method: "GET", body: "x" })'],
    ['new Request("http://a", { method: "TRACE" })'],
    ['new Request("http://user:pass@a")'],
  ])("refuses %s", async (expression) => {
    expect(
      await evaluate(
        `(() => { try { ${expression}; return "made" } catch (error) { return error.name } })()`,
      ),
    ).toBe("TypeError");
  });
});

describe("Response", () => {
  it("keeps status, headers and both cookies", async () => {
    const fn = await loadTestFunction(
      `export default () => { const r = new Response("made", { status: 201, headers: [["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]] }); r.headers.append("X-One", "1"); return r }`,
    );
    expect(await fn.call()).toEqual({
      kind: "response",
      status: 201,
      headers: [
        ["set-cookie", "a=1"],
        ["set-cookie", "b=2"],
        ["content-type", "text/plain;charset=UTF-8"],
        ["x-one", "1"],
      ],
      body: "made",
    });
  });

  it("carries every byte", async () => {
    const fn = await loadTestFunction(
      "export default () => new Response(Uint8Array.from({ length: 256 }, (_, byte) => byte))",
    );
    const answer = await fn.call();
    expect(answer).toMatchObject({ kind: "response", headers: [] });
    expect(answer.kind === "response" && [...new Uint8Array(answer.body as ArrayBuffer)]).toEqual([
      ...Array(256).keys(),
    ]);
  });

  it.each([
    ["Response.json({ a: 1 }).headers.get('content-type')", "application/json"],
    ["Response.redirect('http://a/b').headers.get('location')", "http://a/b"],
    ["Response.redirect('http://a/b').status", 302],
    [
      "new Response('x', { headers: { 'content-type': 'text/html' } }).headers.get('content-type')",
      "text/html",
    ],
    ["new Response(null, { status: 204 }).status", 204],
    ["new Response(new URLSearchParams({ a: 'b c' })).text()", "a=b+c"],
    ["new Response('x', { status: 404 }).ok", false],
    ["new Response('{\"a\":1}').json()", { a: 1 }],
    ["new Response('é').bytes().then((b) => [...b])", [0xc3, 0xa9]],
  ])("%s is %j", async (expression, expected) => {
    expect(await evaluate(expression)).toEqual(expected);
  });

  it.each([
    ["new Response('x', { status: 204 })", "TypeError"],
    ["new Response('x', { status: 99 })", "RangeError"],
    ["Response.json(() => 1)", "TypeError"],
    ["Response.redirect('http://a', 200)", "RangeError"],
  ])("refuses %s with a %s", async (expression, name) => {
    expect(
      await evaluate(
        `(() => { try { ${expression}; return "made" } catch (error) { return error.name } })()`,
      ),
    ).toBe(name);
  });
});

describe("Headers", () => {
  it.each([
    [
      "[...new Headers({ B: '2', a: ' 1 ' })]",
      [
        ["a", "1"],
        ["b", "2"],
      ],
    ],
    ["new Headers([['a', '1'], ['A', '2']]).get('a')", "1, 2"],
    ["new Headers([['Set-Cookie', 'a'], ['set-cookie', 'b']]).getSetCookie()", ["a", "b"]],
    ["(() => { const h = new Headers({ a: '1' }); h.delete('A'); return h.has('a') })()", false],
    ["[...new Headers(new Headers({ a: '1' })).values()]", ["1"]],
  ])("%s is %j", async (expression, expected) => {
    expect(await evaluate(expression)).toEqual(expected);
  });

  it.each([
    "new Headers({ 'a b': '1' })",
    "new Headers({ a: '1\\r\\nb: 2' })",
    "new Headers({ a: '\\u0100' })",
    "new Headers([['a']])",
  ])("refuses %s", async (expression) => {
    expect(
      await evaluate(
        `(() => { try { ${expression}; return "made" } catch (error) { return error.name } })()`,
      ),
    ).toBe("TypeError");
  });
});

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
