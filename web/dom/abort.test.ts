import { describe, expect, it } from "vitest";
import { callJson, loadTestFunction } from "../../runtime/testing/sandbox.ts";

/** Evaluates an expression inside an isolate, as JSON. */
const evaluate = (expression: string) =>
  callJson(`export default async () => Response.json(await (async () => (${expression}))())`);

describe("DOMException", () => {
  it.each([
    ["new DOMException('m', 'AbortError').code", 20],
    ["String(new DOMException('m', 'AbortError'))", "AbortError: m"],
    ["new DOMException('m', 'None').code", 0],
    ["DOMException.DATA_CLONE_ERR", 25],
    ["new DOMException() instanceof Error", true],
    ["Error.isError(new DOMException())", true],
    ["Object.getPrototypeOf(DOMException) === Function.prototype", true],
    ["Object.hasOwn(new DOMException(), 'stack')", true],
    ["new DOMException('m', 'AbortError').stack.split('\\n')[0]", "AbortError: m"],
    ["new DOMException('m').stack.split('\\n')[1].includes('narun:platform')", false],
    ["Object.keys(new DOMException('m'))", []],
    ["Object.prototype.toString.call(new DOMException())", "[object DOMException]"],
    ["DOMException.length", 0],
  ])("%s is %j", async (expression, expected) => {
    expect(await evaluate(expression)).toEqual(expected);
  });
});

describe("AbortSignal", () => {
  it.each([
    ["[AbortSignal.abort().aborted, AbortSignal.abort().reason.name]", [true, "AbortError"]],
    ["AbortSignal.abort(7).reason", 7],
    ["(() => { try { new AbortSignal() } catch (e) { return e.name } })()", "TypeError"],
    [
      "new Promise((resolve) => { const s = AbortSignal.timeout(5); s.onabort = (e) => resolve([e.isTrusted, e.target === s, s.reason.name]) })",
      [true, true, "TimeoutError"],
    ],
    [
      "(() => { const seen = []; const c = new AbortController(); const any = AbortSignal.any([c.signal]); c.signal.addEventListener('abort', () => seen.push('source', any.aborted)); AbortSignal.any([any]).onabort = () => seen.push('third'); any.onabort = () => seen.push('any'); c.abort(); c.abort(); return seen })()",
      ["source", true, "any", "third"],
    ],
  ])("%s is %j", async (expression, expected) => {
    expect(await evaluate(expression)).toEqual(expected);
  });

  it("fires timeouts in the order of their times", async () => {
    expect(
      await evaluate(
        "new Promise((resolve) => { const seen = []; for (const ms of [30, 10, 20, 10]) AbortSignal.timeout(ms).onabort = () => { seen.push(ms); if (seen.length === 4) resolve(seen) } })",
      ),
    ).toEqual([10, 10, 20, 30]);
  });

  it("does not hold what follows a signal that lives long, unless it is listened to", async () => {
    // Together they would exceed the 128 MiB of the isolate.
    const fn = await loadTestFunction(`
      const { signal } = new AbortController();
      export default () => {
        for (let count = 0; count < 400; count++)
          AbortSignal.any([signal, AbortSignal.timeout(60_000)]).weight = new Uint8Array(10_000);
        return new Response("made");
      }`);
    for (let round = 0; round < 50; round++) expect(await fn.call()).toMatchObject({ body: "made" });
  });

  it("fires for a signal that only its listener knows of", async () => {
    const fn = await loadTestFunction(`
      const controller = new AbortController();
      const seen = [];
      export default (request) => {
        if (request.method === "POST") controller.abort();
        else {
          AbortSignal.any([controller.signal]).onabort = () => seen.push("heard");
          // Enough for V8 to collect more than the youngest objects.
          Array.from({ length: 400 }, () => new Array(20_000).fill(0.5));
        }
        return Response.json(seen);
      }`);
    for (let round = 0; round < 5; round++) await fn.call();
    expect(await fn.call({ method: "POST" })).toMatchObject({ body: JSON.stringify(Array(5).fill("heard")) });
  });
});
