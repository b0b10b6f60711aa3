import { describe, expect, it } from "vitest";
import { callJson, loadTestFunction } from "../../runtime/testing/sandbox.ts";

/** Runs the body of an async function inside an isolate. Its result returns as JSON. */
const run = (statements: string) =>
  callJson(`export default async () => Response.json(await (async () => { ${statements} })())`);

describe("an answer", () => {
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

  it("has the type of its body though nobody looked at its headers", async () => {
    const fn = await loadTestFunction(`export default (request) => request.method === "GET"
      ? Response.json({ a: 1 })
      : new Response("x", { headers: { "Content-Type": "text/html", "x-a": "1" } })`);
    expect(await fn.call()).toMatchObject({
      headers: [["content-type", "application/json"]],
      body: '{"a":1}',
    });
    expect(await fn.call({ method: "PUT" })).toMatchObject({
      headers: [
        ["content-type", "text/html"],
        ["x-a", "1"],
      ],
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
});

describe("Response", () => {
  it.each([
    ["Response.json({ a: 1 }).headers.get('content-type')", "application/json"],
    [
      "Response.json(1, { status: 201, headers: { 'content-type': 'x/y' } }).headers.get('content-type')",
      "x/y",
    ],
    ["Response.redirect('http://a/b').headers.get('location')", "http://a/b"],
    ["Response.redirect('http://a/b').status", 302],
    ["Response.redirect('http://a/ü', 308).headers.get('location')", "http://a/%C3%BC"],
    [
      "new Response('x', { headers: { 'content-type': 'text/html' } }).headers.get('content-type')",
      "text/html",
    ],
    ["new Response(null, { status: 204 }).status", 204],
    ["new Response(new URLSearchParams({ a: 'b c' })).text()", "a=b+c"],
    ["new Response('x', { status: 404 }).ok", false],
    ["new Response('x', { status: 299 }).ok", true],
    ["new Response('x', { status: 200.9 }).status", 200],
    ["new Response('x', { statusText: 'I am \\u00e9' }).statusText", "I am é"],
    ["new Response('{\"a\":1}').json()", { a: 1 }],
    ["new Response('é').bytes().then((b) => [...b])", [0xc3, 0xa9]],
    [
      "(({ type, status, statusText, url, redirected, ok, body }) => [type, status, statusText, url, redirected, ok, body])(new Response())",
      ["default", 200, "", "", false, true, null],
    ],
    ["(({ type, status, ok }) => [type, status, ok])(Response.error())", ["error", 0, false]],
    [
      "[Response.length, Response.json.length, Response.redirect.length, Response.error.length]",
      [0, 1, 1, 0],
    ],
    ["Object.keys(Response).sort()", ["error", "json", "redirect"]],
    ["String(new Response())", "[object Response]"],
  ])("%s is %j", async (expression, expected) => {
    expect(await run(`return ${expression}`)).toEqual(expected);
  });

  it.each([
    ["new Response('x', { status: 204 })", "TypeError"],
    ["new Response('', { status: 304 })", "TypeError"],
    ["new Response('x', { status: 99 })", "RangeError"],
    ["new Response('x', { status: 600 })", "RangeError"],
    ["new Response(null, { status: 101 })", "RangeError"],
    ["new Response('x', { statusText: '\\n' })", "TypeError"],
    ["new Response('x', { statusText: '\\u0100' })", "TypeError"],
    ["new Response('x', 1)", "TypeError"],
    ["Response()", "TypeError"],
    ["Response.json()", "TypeError"],
    ["Response.json(() => 1)", "TypeError"],
    ["Response.json(1, { status: 204 })", "TypeError"],
    ["Response.redirect('http://a', 200)", "RangeError"],
    ["Response.redirect('/relative')", "TypeError"],
    ["Object.getOwnPropertyDescriptor(Response.prototype, 'status').get.call({})", "TypeError"],
  ])("refuses %s with a %s", async (statements, name) => {
    expect(await run(`try { ${statements}; return "made" } catch (error) { return error.name }`)).toBe(name);
  });

  it("says what the status 101 needs", async () => {
    const refused = `try { new Response(null, { status: 101 }) } catch (error) { return error.message }`;
    expect(await run(refused)).toContain("needs `webSocket`");
  });

  it("is cloned with all that it says; the copy's headers are its own", async () => {
    expect(
      await run(`
        const response = new Response("x", { status: 201, statusText: "made", headers: { a: "1" } });
        const copy = response.clone();
        copy.headers.set("a", "2");
        const plain = new Response("y").clone();
        return [copy.status, copy.statusText, copy.type, await copy.text(), response.headers.get("a"), plain.headers.get("content-type")];
      `),
    ).toEqual([201, "made", "default", "x", "1", "text/plain;charset=UTF-8"]);
  });
});
