import { expect, it } from "vitest";
import { loadTestFunction } from "../../runtime/testing/sandbox.ts";

it("shows what is private in the platform's own objects, and makes no stream for it", async () => {
  const fn = await loadTestFunction(`export default (request) => {
    console.log(request);
    console.log(new Response("x", { status: 404 }));
    console.log(new Blob(["ab"], { type: "x/y" }), new File([], "n", { lastModified: 1 }));
    const form = new FormData();
    form.append("a", "1");
    console.log(form, Object.create(Headers.prototype), { a: { b: { c: new Headers() } } });
    return new Response();
  }`);
  await fn.call({ method: "POST", url: "http://host/", headers: [["a", "1"]], body: new Uint8Array(1) });
  expect(fn.logs.map(({ text }) => text.replace(/\s+/g, " "))).toEqual([
    "Request { method: 'POST', url: 'http://host/', headers: Headers { a: '1' }, destination: '', referrer: 'about:client', referrerPolicy: '', mode: 'cors', credentials: 'same-origin', cache: 'default', redirect: 'manual', integrity: '', keepalive: false, isReloadNavigation: false, isHistoryNavigation: false, signal: AbortSignal { aborted: false } }",
    "Response { status: 404, statusText: '', headers: Headers { 'content-type': 'text/plain;charset=UTF-8' }, body: ReadableStream { locked: false, state: 'readable', supportsBYOB: true }, bodyUsed: false, ok: false, redirected: false, type: 'default', url: '' }",
    "Blob { size: 2, type: 'x/y' } File { size: 0, type: '', name: 'n', lastModified: 1 }",
    "FormData { a: '1' } Headers {} { a: { b: { c: Headers {} } } }",
  ]);
});
