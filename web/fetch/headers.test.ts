import { describe, expect, it } from "vitest";
import { callJson } from "../../runtime/testing/sandbox.ts";

/** Evaluates an expression inside an isolate, as JSON. */
const evaluate = (expression: string) =>
  callJson(`export default async () => Response.json(await (async () => (${expression}))())`);

/** The name of the error that the statements throw. */
const thrownBy = (statements: string) =>
  evaluate(`(() => { try { ${statements}; return "nothing" } catch (error) { return error.name } })()`);

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
    [
      "[...new Headers([['set-cookie', 'a'], ['b', '1'], ['Set-Cookie', 'b']]).keys()]",
      ["b", "set-cookie", "set-cookie"],
    ],
    ["(() => { const h = new Headers({ a: '1' }); h.delete('A'); return h.has('a') })()", false],
    [
      "(() => { const h = new Headers([['a', '1'], ['b', '2'], ['a', '3']]); h.set('a', '4'); return [...h] })()",
      [
        ["a", "4"],
        ["b", "2"],
      ],
    ],
    ["[...new Headers(new Headers({ a: '1' })).values()]", ["1"]],
    ["new Headers(new Map([['a', '1']])).get('a')", "1"],
    ["new Headers({ a: 1, b: null }).get('b')", "null"],
    ["new Headers({ a: '\\t\\n 1 \\r\\n' }).get('a')", "1"],
    ["new Headers({ a: '' }).get('a')", ""],
    ["new Headers().get('a')", null],
    ["new Headers({ a: '\\u00e9' }).get('a')", "é"],
  ])("%s is %j", async (expression, expected) => {
    expect(await evaluate(expression)).toEqual(expected);
  });

  it.each([
    "new Headers({ 'a b': '1' })",
    "new Headers({ '': '1' })",
    "new Headers({ a: '1\\r\\nb: 2' })",
    "new Headers({ a: 'a\\0' })",
    "new Headers({ a: '\\u0100' })",
    "new Headers([['a']])",
    "new Headers([['a', 'b', 'c']])",
    "new Headers(['ab'])",
    "new Headers(null)",
    "new Headers(1)",
    "new Headers({ [Symbol('a')]: 'b' })",
    "new Headers().append('a')",
    "new Headers().get()",
    "new Headers().get('a b')",
    "new Headers().forEach()",
    "Headers()",
    "Headers.prototype.get.call({}, 'a')",
    "Headers.prototype.entries.call({})",
    "Response.error().headers.append('a', 'b')",
    "Response.redirect('http://a/').headers.set('location', 'b')",
    "Response.redirect('http://a/').headers.delete('location')",
  ])("refuses %s", async (statements) => {
    expect(await thrownBy(statements)).toBe("TypeError");
  });

  it("looks as Web IDL says", async () => {
    expect(
      await evaluate(`[
        Object.prototype.toString.call(new Headers()), Headers.name, Headers.length,
        ["append", "delete", "forEach", "get", "getSetCookie", "has", "set", "entries", "keys", "values"]
          .map((name) => Headers.prototype[name].length),
        Object.keys(Headers.prototype).length,
        Object.getOwnPropertyDescriptor(globalThis, "Headers").enumerable,
        Headers.prototype[Symbol.iterator] === Headers.prototype.entries,
      ]`),
    ).toEqual(["[object Headers]", "Headers", 0, [2, 1, 1, 1, 0, 1, 2, 0, 0, 0], 10, false, true]);
  });

  it("iterates by an iterator of its own kind", async () => {
    expect(
      await evaluate(`(() => {
        const iterator = new Headers({ a: "1" }).entries();
        const prototype = Object.getPrototypeOf(iterator);
        return [
          Object.prototype.toString.call(iterator),
          Object.getPrototypeOf(prototype) === Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())),
          Object.keys(prototype), Object.hasOwn(prototype, "constructor"),
          iterator.next(), iterator.next(), iterator[Symbol.iterator]() === iterator,
        ];
      })()`),
    ).toEqual([
      "[object Headers Iterator]",
      true,
      ["next"],
      false,
      { value: ["a", "1"], done: false },
      { done: true },
      true,
    ]);
  });

  it("shows changes to an iteration that is under way", async () => {
    expect(
      await evaluate(`(() => {
        const headers = new Headers({ a: "1", b: "2", c: "3" });
        const seen = [];
        for (const [name] of headers) { seen.push(name); headers.delete("b"); headers.set("d", "4") }
        headers.forEach((value, name, self) => seen.push(name + value + (self === headers)));
        return seen;
      })()`),
    ).toEqual(["a", "c", "d", "a1true", "c3true", "d4true"]);
  });

  it("reads records in the order of their keys, all of them before the first is looked at", async () => {
    expect(
      await evaluate(`(() => {
        const seen = [];
        const record = new Proxy({ a: "1", "b c": "2" }, {
          ownKeys: (target) => (seen.push("keys"), Reflect.ownKeys(target)),
          getOwnPropertyDescriptor: (target, key) => (seen.push("has " + key), Reflect.getOwnPropertyDescriptor(target, key)),
          get: (target, key) => (seen.push("get " + String(key)), target[key]),
        });
        try { new Headers(record) } catch (error) { seen.push(error.name) }
        return seen;
      })()`),
    ).toEqual(["get Symbol(Symbol.iterator)", "keys", "has a", "get a", "has b c", "get b c", "TypeError"]);
  });

  it("takes time that grows with a value's length alone, whatever spaces it has", async () => {
    expect(
      await evaluate(`(() => {
        const headers = new Headers();
        const spaces = "a" + " ".repeat(200_000) + "b";
        for (let n = 0; n < 20; n += 1) headers.set("a", spaces);
        return headers.get("a").length;
      })()`),
    ).toBe(200_002);
  });
});
