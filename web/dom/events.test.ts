import { describe, expect, it } from "vitest";
import { callJson, loadTestFunction } from "../../runtime/testing/sandbox.ts";

/** Evaluates the body of an async function inside an isolate, as JSON. */
const run = (body: string) =>
  callJson(`export default async () => Response.json(await (async () => { ${body} })())`);

describe("EventTarget", () => {
  it("calls listeners that capture first, each once, with the target as this", async () => {
    expect(
      await run(`
        const seen = [];
        const target = new EventTarget();
        const twice = function (event) { seen.push(["bubble", this === target, event.eventPhase]) };
        target.addEventListener("a", twice);
        target.addEventListener("a", twice);
        target.addEventListener("a", () => seen.push("capture"), true);
        target.dispatchEvent(new Event("a"));
        return seen`),
    ).toEqual(["capture", ["bubble", true, 2]]);
  });

  it("forgets a listener after once, after removal, and after its signal was aborted", async () => {
    expect(
      await run(`
        const seen = [];
        const target = new EventTarget();
        const controller = new AbortController();
        const removed = () => seen.push("removed");
        target.addEventListener("a", () => seen.push("once"), { once: true });
        target.addEventListener("a", () => seen.push("signal"), { signal: controller.signal });
        target.addEventListener("a", removed);
        target.dispatchEvent(new Event("a"));
        target.removeEventListener("a", removed);
        controller.abort();
        target.dispatchEvent(new Event("a"));
        return seen`),
    ).toEqual(["once", "signal", "removed"]);
  });

  it("takes objects with handleEvent, and lets no passive listener prevent the default", async () => {
    expect(
      await run(`
        const target = new EventTarget();
        const object = { handleEvent(event) { this.type = event.type } };
        target.addEventListener("a", object);
        target.addEventListener("a", (event) => event.preventDefault(), { passive: true });
        const first = target.dispatchEvent(new Event("a", { cancelable: true }));
        target.addEventListener("a", (event) => event.preventDefault());
        return [object.type, first, target.dispatchEvent(new Event("a", { cancelable: true }))]`),
    ).toEqual(["a", true, false]);
  });

  it("reports what a listener throws, and goes on with the others", async () => {
    const fn = await loadTestFunction(`export default () => {
      const seen = [];
      const target = new EventTarget();
      target.addEventListener("a", () => { throw new RangeError("from the listener") });
      target.addEventListener("a", () => seen.push("next"));
      target.dispatchEvent(new Event("a"));
      return Response.json(seen);
    }`);
    expect(await fn.call()).toMatchObject({ body: '["next"]' });
    expect(fn.logs).toEqual([
      { level: "error", text: expect.stringContaining("RangeError: from the listener\n    at "), request: 1 },
    ]);
  });
});

describe("the global object", () => {
  it("is an event target", async () => {
    expect(
      await run(`
        const seen = [];
        addEventListener("a", function () { seen.push(this === globalThis) });
        globalThis.addEventListener("b", (event) => seen.push(event.target === self));
        dispatchEvent(new Event("a"));
        self.dispatchEvent(new Event("b"));
        return [...seen, globalThis instanceof EventTarget]`),
    ).toEqual([true, true, true]);
  });

  it("hears of reported errors; what it prevents is not logged", async () => {
    const fn = await loadTestFunction(`export default () => {
      const seen = [];
      addEventListener("error", (event) => {
        seen.push([event.error, event.message, event.isTrusted]);
        if (event.error === 1) event.preventDefault();
      });
      reportError(1);
      reportError(2);
      onerror = (message, file, line, column, error) => error === 3;
      reportError(3);
      return Response.json(seen);
    }`);
    expect(await fn.call()).toMatchObject({
      body: JSON.stringify([
        [1, "Uncaught 1", true],
        [2, "Uncaught 2", true],
        [3, "Uncaught 3", true],
      ]),
    });
    expect(fn.logs.map(({ text }) => text)).toEqual(["Uncaught 2"]);
  });

  it("hears of errors in timers and microtasks, and where they were thrown", async () => {
    expect(
      await run(`
        const seen = [];
        return new Promise((resolve) => {
          addEventListener("error", (event) => {
            event.preventDefault();
            seen.push([event.error.message, event.filename, event.lineno]);
            if (seen.length === 2) resolve(seen);
          });
          setTimeout(() => { throw new Error("timer") }, 0);
          queueMicrotask(() => { throw new Error("microtask") });
        })`),
    ).toEqual([
      ["microtask", "narun:bundle", 10],
      ["timer", "narun:bundle", 9],
    ]);
  });

  it("says where something was reported that is no error", async () => {
    expect(
      await run(`
        let seen;
        addEventListener("error", (event) => { event.preventDefault(); seen = [event.message, event.filename, event.lineno] });
        reportError("text");
        return seen`),
    ).toEqual(["Uncaught text", "narun:bundle", 4]);
  });

  it("does not report without end what its own error listeners throw", async () => {
    const fn = await loadTestFunction(`export default () => {
      addEventListener("error", () => { throw new Error("in the listener") });
      reportError(new Error("first"));
      return new Response();
    }`);
    await fn.call();
    expect(fn.logs.map(({ text }) => text.split("\\n")[0]?.split("\n")[0])).toEqual([
      "Error: in the listener",
      "Error: first",
    ]);
  });
});

describe("unhandledrejection", () => {
  const code = `
    const seen = [];
    addEventListener("unhandledrejection", (event) => {
      seen.push([String(event.reason), event.reason instanceof RangeError, typeof event.promise.then]);
      if (event.reason !== "shown") event.preventDefault();
    });
    export default (request) => {
      if (request.method === "GET") return Response.json(seen);
      if (request.method === "PUT") Promise.reject(new RangeError("from an error"));
      if (request.method === "POST") Promise.reject("shown");
      return new Response();
    }`;

  it("is fired with an error like the one that a promise was rejected with", async () => {
    const fn = await loadTestFunction(code);
    await fn.call({ method: "PUT" });
    expect(await fn.call()).toMatchObject({
      body: JSON.stringify([["RangeError: from an error", true, "function"]]),
    });
  });

  it("leaves what no listener prevents to the log", async () => {
    const fn = await loadTestFunction(code);
    await expect(fn.call({ method: "POST" })).rejects.toMatchObject({
      entered: { kind: "uncaught", stack: "Uncaught shown" },
    });
    expect(await fn.call()).toMatchObject({ body: JSON.stringify([["shown", false, "function"]]) });
  });
});

describe("kinds of events", () => {
  it.each([
    ["new CustomEvent('a', { detail: 1 }).detail", 1],
    ["new CustomEvent('a').detail", null],
    ["new MessageEvent('message', { data: 1, ports: [new MessageChannel().port1] }).ports.length", 1],
    ["new CloseEvent('close', { code: 1000, reason: 'r', wasClean: true }).code", 1000],
    ["new ProgressEvent('p', { loaded: 1.5 }).loaded", 1.5],
    ["new PromiseRejectionEvent('unhandledrejection', { promise: Promise.resolve(), reason: 1 }).reason", 1],
    ["new ErrorEvent('error', { error: 1, lineno: 2 }).lineno", 2],
    ["Object.keys(new Event('a'))", ["isTrusted"]],
  ])("%s is %j", async (expression, expected) => {
    expect(await run(`return ${expression}`)).toEqual(expected);
  });
});

describe("console", () => {
  it("shows what events and signals say", async () => {
    const fn = await loadTestFunction(`export default () => {
      console.log(new CustomEvent("a", { detail: { b: 1 } }), AbortSignal.abort(1), structuredClone);
      return new Response();
    }`);
    await fn.call();
    expect(
      fn.logs.map(({ text }) => text.replaceAll(/\s+/g, " ").replace(/timeStamp: [\d.]+/, "timeStamp: 0")),
    ).toEqual([
      "CustomEvent { type: 'a', defaultPrevented: false, cancelable: false, timeStamp: 0, detail: { b: 1 } } AbortSignal { aborted: true, reason: 1 } [Function: structuredClone]",
    ]);
  });
});
