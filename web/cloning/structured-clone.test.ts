import { describe, expect, it } from "vitest";
import { callJson } from "../../runtime/testing/sandbox.ts";

/** Evaluates the body of an async function inside an isolate, as JSON. */
const run = (body: string) =>
  callJson(`export default async () => Response.json(await (async () => { ${body} })())`);

const errorNameOf = (expression: string) =>
  run(`try { ${expression}; return "nothing" } catch (error) { return error.name }`);

describe("structuredClone", () => {
  it.each([
    ["structuredClone({ a: [1, , 3], b: null, c: undefined })", { a: [1, null, 3], b: null }],
    ["1 in structuredClone([1, , 3])", false],
    ["(() => { const a = {}; a.a = a; const b = structuredClone(a); return b.a === b && b !== a })()", true],
    [
      "[...structuredClone(new Map([[{ k: 1 }, new Set([1])]]))].map(([k, v]) => [k, [...v]])",
      [[{ k: 1 }, [1]]],
    ],
    ["structuredClone(new Date(5)).getTime()", 5],
    ["String(structuredClone(/a/gi))", "/a/gi"],
    ["typeof structuredClone(Object(5n))", "object"],
    [
      "(() => { const e = structuredClone(new RangeError('m', { cause: 1 })); return [e instanceof RangeError, e.message, e.cause] })()",
      [true, "m", 1],
    ],
    [
      "(() => { const e = structuredClone(new DOMException('m', 'AbortError')); return [e instanceof DOMException, e.name, e.code] })()",
      [true, "AbortError", 20],
    ],
    ["structuredClone(new (class extends Uint8Array {})([1, 2])).constructor.name", "Uint8Array"],
    [
      "(() => { const b = new ArrayBuffer(4); const [x, y] = structuredClone([new Uint8Array(b), new DataView(b)]); return x.buffer === y.buffer && x.buffer !== b })()",
      true,
    ],
    ["structuredClone(new ArrayBuffer(4, { maxByteLength: 8 })).maxByteLength", 8],
    [
      "(() => { const v = structuredClone(new Uint16Array(new ArrayBuffer(4, { maxByteLength: 8 }))); v.buffer.resize(8); return v.length })()",
      4,
    ],
    [
      "(() => { const v = structuredClone(new Uint16Array(new ArrayBuffer(4, { maxByteLength: 4 }))); v.buffer.resize(2); return v.length })()",
      1,
    ],
    [
      "(() => { const v = structuredClone(new Uint16Array(new ArrayBuffer(4, { maxByteLength: 8 }), 0, 2)); v.buffer.resize(8); return v.length })()",
      2,
    ],
    [
      "(() => { const o = JSON.parse('{\"__proto__\":1}'); return Object.hasOwn(structuredClone(o), '__proto__') })()",
      true,
    ],
    ["structuredClone(new Blob(['text'], { type: 'a/b' })).text()", "text"],
    ["structuredClone(new File(['text'], 'name')).name", "name"],
  ])("%s is %j", async (expression, expected) => {
    expect(await run(`return ${expression}`)).toEqual(expected);
  });

  it.each([
    "structuredClone(() => 1)",
    "structuredClone({ a: Symbol() })",
    "structuredClone(new WeakMap())",
    "structuredClone(Promise.resolve())",
    "structuredClone(new Response())",
    "structuredClone(new EventTarget())",
    "structuredClone([][Symbol.iterator]())",
    "structuredClone(new SharedArrayBuffer(1))",
    "structuredClone(globalThis)",
    "structuredClone(new Proxy({}, {}))",
    "structuredClone([new Proxy([], {})])",
    "structuredClone(Proxy.revocable({}, {}).proxy)",
    "structuredClone(new Intl.NumberFormat())",
    "structuredClone(1, { transfer: [{}] })",
    "structuredClone(1, { transfer: [new Uint8Array(1)] })",
    "(() => { const b = new ArrayBuffer(1); structuredClone(1, { transfer: [b, b] }) })()",
    "(() => { const b = new ArrayBuffer(1); b.transfer(); structuredClone(1, { transfer: [b] }) })()",
    "(() => { const b = new ArrayBuffer(1); b.transfer(); structuredClone(b) })()",
  ])("refuses %s", async (expression) => {
    expect(await errorNameOf(expression)).toBe("DataCloneError");
  });

  it("transfers a buffer once everything else is cloned, and puts it everywhere in its place", async () => {
    expect(
      await run(`
        const buffer = new Uint8Array([1, 2, 3]).buffer;
        const view = new Uint8Array(buffer, 1);
        const copy = structuredClone({ buffer, view, map: new Map([[view, buffer]]), set: new Set([buffer]) }, { transfer: [buffer] });
        return [
          buffer.detached,
          [...copy.view],
          copy.view.buffer === copy.buffer,
          copy.map.get(copy.view) === copy.buffer,
          copy.set.has(copy.buffer),
          Object.keys(copy),
        ]`),
    ).toEqual([true, [2, 3], true, true, true, ["buffer", "view", "map", "set"]]);
  });

  it("leaves a buffer where it was after a failure", async () => {
    expect(
      await run(`
        const buffer = new ArrayBuffer(1);
        try { structuredClone([buffer, () => 1], { transfer: [buffer] }) } catch {}
        return buffer.detached`),
    ).toBe(false);
  });
});

describe("MessageChannel", () => {
  it("delivers clones in order, once the other port is started", async () => {
    expect(
      await run(`
        const { port1, port2 } = new MessageChannel();
        const sent = { a: 1 };
        port1.postMessage(sent);
        sent.a = 2;
        port1.postMessage(sent);
        const seen = [];
        return new Promise((resolve) => {
          port2.onmessage = ({ data }) => { seen.push(data.a); if (seen.length === 2) resolve(seen) };
        })`),
    ).toEqual([1, 2]);
  });

  it("runs the microtasks of one message before the next", async () => {
    expect(
      await run(`
        const { port1, port2 } = new MessageChannel();
        const seen = [];
        return new Promise((resolve) => {
          port2.onmessage = ({ data }) => {
            seen.push(data);
            Promise.resolve().then(() => {}).then(() => seen.push("after " + data)).then(() => data === 2 && resolve(seen));
          };
          port1.postMessage(1);
          port1.postMessage(2);
        })`),
    ).toEqual([1, "after 1", 2, "after 2"]);
  });

  it("transfers ports with what waits at them, and buffers", async () => {
    expect(
      await run(`
        const outer = new MessageChannel();
        const inner = new MessageChannel();
        inner.port1.postMessage("waiting");
        const buffer = new ArrayBuffer(3);
        outer.port1.postMessage(buffer, [inner.port2, buffer]);
        return new Promise((resolve) => {
          outer.port2.onmessage = (event) => {
            const [port] = event.ports;
            port.onmessage = ({ data }) => resolve([data, event.data.byteLength, buffer.detached, port !== inner.port2]);
          };
        })`),
    ).toEqual(["waiting", 3, true, true]);
  });

  it("tells the other port of its end, after what was posted before", async () => {
    expect(
      await run(`
        const { port1, port2 } = new MessageChannel();
        const seen = [];
        return new Promise((resolve) => {
          port2.onmessage = ({ data }) => seen.push(data);
          port2.onclose = () => resolve(seen);
          port1.postMessage("last");
          port1.close();
          port1.postMessage("never");
        })`),
    ).toEqual(["last"]);
  });

  it("delivers what waits at a port that closes, which cannot be transferred then", async () => {
    expect(
      await run(`
        const { port1, port2 } = new MessageChannel();
        port2.postMessage("first");
        port2.postMessage("second");
        const seen = [];
        return new Promise((resolve) => {
          port1.onmessage = ({ data }) => {
            seen.push(data);
            if (data === "second") return resolve(seen);
            port1.close();
            try { structuredClone(null, { transfer: [port1] }) } catch (error) { seen.push(error.name) }
          };
        })`),
    ).toEqual(["first", "DataCloneError", "second"]);
  });

  it("keeps addEventListener from starting a port", async () => {
    expect(
      await run(`
        const { port1, port2 } = new MessageChannel();
        const seen = [];
        port2.addEventListener("message", ({ data }) => seen.push(data));
        port1.postMessage(1);
        const marker = new MessageChannel();
        await new Promise((resolve) => { marker.port1.onmessage = resolve; marker.port2.postMessage(0) });
        const before = [...seen];
        port2.start();
        await new Promise((resolve) => { marker.port1.onmessage = resolve; marker.port2.postMessage(0) });
        return [before, seen]`),
    ).toEqual([[], [1]]);
  });
});

describe("BroadcastChannel", () => {
  it("reaches the other channels of its name", async () => {
    expect(
      await run(`
        const [sender, one, two, other] = ["a", "a", "a", "b"].map((name) => new BroadcastChannel(name));
        const seen = [];
        sender.onmessage = other.onmessage = () => seen.push("wrong");
        return new Promise((resolve) => {
          one.onmessage = () => seen.push("one");
          two.onmessage = () => resolve([...seen, "two"]);
          sender.postMessage(1);
        })`),
    ).toEqual(["one", "two"]);
  });
});
