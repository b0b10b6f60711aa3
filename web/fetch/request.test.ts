import { describe, expect, it } from "vitest";
import { callJson } from "../../runtime/testing/sandbox.ts";

/** Runs the body of an async function inside an isolate. Its result returns as JSON. */
const run = (statements: string) =>
  callJson(`export default async () => Response.json(await (async () => { ${statements} })())`);

describe("the request that came in", () => {
  it("has method, URL, headers and body", async () => {
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

  it("cannot be changed, but copied and changed", async () => {
    expect(
      await callJson(
        `export default async (request) => {
          let refused;
          try { request.headers.set("x-a", "2") } catch (error) { refused = error.name }
          const copy = new Request(request, { headers: { ...Object.fromEntries(request.headers), "x-a": "2" } });
          const other = new Request("http://other/", request);
          other.headers.set("x-b", "3");
          return Response.json([
            refused, copy.headers.get("x-a"), request.headers.get("x-a"), request.bodyUsed,
            other.method, [...other.headers], other.url, request.redirect,
          ]);
        }`,
        { method: "PUT", headers: [["x-a", "1"]] },
      ),
    ).toEqual([
      "TypeError",
      "2",
      "1",
      false,
      "PUT",
      [
        ["x-a", "1"],
        ["x-b", "3"],
      ],
      "http://other/",
      "manual",
    ]);
  });
});

describe("Request", () => {
  it("has the defaults of the standard", async () => {
    expect(
      await run(`
        const r = new Request("http://a/b#c");
        return [r.method, r.url, r.body, r.bodyUsed, r.mode, r.credentials, r.cache, r.redirect, r.referrer,
          r.referrerPolicy, r.integrity, r.keepalive, r.duplex, r.destination, r.signal.aborted, r.signal === r.signal,
          r.isReloadNavigation, r.isHistoryNavigation, Request.length, Object.keys(Request.prototype).length,
          Object.getPrototypeOf(Request.prototype) === Object.prototype, String(r)];
      `),
    ).toEqual([
      ...["GET", "http://a/b#c", null, false, "cors", "same-origin", "default", "follow", "about:client"],
      ...["", "", false, "half", "", false, true, false, false, 1, 26, true, "[object Request]"],
    ]);
  });

  it("keeps what its init says, and what another request says besides", async () => {
    expect(
      await run(`
        const init = { method: "post", cache: "no-store", credentials: "omit", integrity: "sha256-x", keepalive: true,
          mode: "same-origin", redirect: "error", referrer: "http://r/x", referrerPolicy: "origin", body: "b", headers: { a: "1" } };
        const first = new Request(new URL("http://a"), init);
        const second = new Request(first, { redirect: "manual" });
        const show = (r) => [r.method, r.url, r.cache, r.credentials, r.integrity, r.keepalive, r.mode, r.redirect, r.referrer, r.referrerPolicy];
        return [show(first), show(second), first.bodyUsed, await second.text(), [...second.headers]];
      `),
    ).toEqual([
      [
        "POST",
        "http://a/",
        "no-store",
        "omit",
        "sha256-x",
        true,
        "same-origin",
        "error",
        "http://r/x",
        "origin",
      ],
      [
        "POST",
        "http://a/",
        "no-store",
        "omit",
        "sha256-x",
        true,
        "same-origin",
        "manual",
        "about:client",
        "",
      ],
      true,
      "b",
      [
        ["a", "1"],
        ["content-type", "text/plain;charset=UTF-8"],
      ],
    ]);
  });

  it.each([
    ['new Request("/relative")'],
    ["new Request()"],
    ['Request("http://a")'],
    ['new Request("http://user:pass@a")'],
    ['new Request("http://a", 1)'],
    ['new Request("http://a", { body: "x" })'],
    ['new Request("http://a", { method: "HEAD", body: "" })'],
    ['new Request("http://a", { method: "TRACE" })'],
    ['new Request("http://a", { method: "a b" })'],
    ['new Request("http://a", { mode: "navigate" })'],
    ['new Request("http://a", { mode: "no-cors", method: "PUT" })'],
    ['new Request("http://a", { cache: "only-if-cached" })'],
    ['new Request("http://a", { cache: "odd" })'],
    ['new Request("http://a", { redirect: "odd" })'],
    ['new Request("http://a", { referrer: "not a url" })'],
    ['new Request("http://a", { window: "x" })'],
    ['new Request("http://a", { signal: {} })'],
    ['new Request("http://a", { duplex: "full" })'],
    ['new Request("http://a", { priority: "odd" })'],
    ['new Request("http://a", { method: "POST", body: new ReadableStream() })'],
    ['new Request("http://a", { method: "POST", body: (async function* () {})() })'],
    [
      'new Request("http://a", { method: "POST", body: new ReadableStream(), duplex: "half", keepalive: true })',
    ],
    ['const r = new Request("http://a", { method: "POST", body: "x" }); new Request(r); r.clone()'],
    ['const r = new Request("http://a", { method: "POST", body: "x" }); new Request(r, { method: "GET" })'],
    [
      'const s = new ReadableStream(); s.getReader(); new Request("http://a", { method: "POST", body: s, duplex: "half" })',
    ],
    ["Object.getOwnPropertyDescriptor(Request.prototype, 'destination').get.call({})"],
  ])("refuses %s", async (statements) => {
    expect(await run(`try { ${statements}; return "made" } catch (error) { return error.name }`)).toBe(
      "TypeError",
    );
  });

  it("reads its init's members in the order of their names", async () => {
    expect(
      await run(`
        const seen = [];
        new Request("http://a", new Proxy({}, { get: (_, key) => void seen.push(key) }));
        return seen;
      `),
    ).toEqual([
      ...["body", "cache", "credentials", "duplex", "headers", "integrity", "keepalive", "method", "mode"],
      ...["priority", "redirect", "referrer", "referrerPolicy", "signal", "window"],
    ]);
  });

  it("is aborted with the signal that it was given, and with the request that it was made of", async () => {
    expect(
      await run(`
        const controller = new AbortController();
        const first = new Request("http://a", { signal: controller.signal });
        const second = new Request(first);
        const third = second.clone();
        const free = new Request(first, { signal: null });
        const seen = [];
        third.signal.onabort = () => seen.push("third");
        const before = [first.signal === controller.signal, third.signal.aborted];
        controller.abort("why");
        return [before, first.signal.reason, second.signal.reason, third.signal.reason, free.signal.aborted, seen];
      `),
    ).toEqual([[false, false], "why", "why", "why", false, ["third"]]);
  });
});
