import { describe, expect, it } from "vitest";
import { callJson, loadTestFunction } from "../../testing/sandbox.ts";

/** Evaluates an expression inside an isolate, as JSON. */
const evaluate = (expression: string) =>
  callJson(`export default async () => Response.json(await (async () => (${expression}))())`);

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
