import { describe, expect, it } from "vitest";
import { printed } from "../../runtime/testing/printed.ts";

/** A handler whose every trap counts itself and throws. A look-up of a trap counts as well. */
const TRAPS = `
  let traps = 0;
  const names = ["get", "set", "has", "deleteProperty", "ownKeys", "getOwnPropertyDescriptor", "defineProperty", "getPrototypeOf",
    "setPrototypeOf", "isExtensible", "preventExtensions", "apply", "construct"];
  const handler = {};
  for (const name of names) handler[name] = () => { traps += 1; throw new Error(name) };
  const trapped = (value) => new Proxy(value, handler);
`;

describe("a value that cannot be shown costs itself alone", () => {
  it.each([
    [
      "console.log(1, { a: [{ [Symbol.for('nodejs.util.inspect.custom')]() { throw new Error('no') } }], b: 2 }, 'end')",
      "info 1 { a: [ (cannot be shown: no) ], b: 2 } end",
    ],
    [
      "const e = new Error('e'); Object.defineProperty(e, 'stack', { get() { throw new TypeError('no stack') } }); console.error({ e, b: [1] })",
      /^error \{ e: .*, b: \[ 1 \] \}$/s,
    ],
    [
      "console.log('n %d', { a: 1, [Symbol.toPrimitive]() { throw new Error('no') } }, 'end')",
      /^info n %d \{ a: 1, .* \} end$/s,
    ],
    [
      "console.log('j %j', { a: 1, toJSON() { throw new Error('no') } }, 'end')",
      /^info j %j \{ a: 1, .* \} end$/s,
    ],
    ["console.log('s %s', { toString() { throw new Error('no') } }, 'end')", /^info s %s \{.*\} end$/s],
    [
      "const a = {}; a.self = [a, { [Symbol.for('nodejs.util.inspect.custom')]() { throw 1 } }, a]; console.log(a)",
      "info <ref *1> {\n  self: [ [Circular *1], (cannot be shown: 1), [Circular *1] ]\n}",
    ],
    [
      "console.table([{ get a() { throw new Error('no') }, b: 2 }])",
      expect.stringContaining("│ (cannot be shown: no) │ 2 │"),
    ],
    [
      "console.log([{ [Symbol.for('nodejs.util.inspect.custom')]() { throw Proxy.revocable({}, {}).proxy } }, 5])",
      /^info \[ \(cannot be shown.*\), 5 \]$/,
    ],
  ])("%s", async (code, expected) => {
    const [line] = await printed(code);
    expect(line).toEqual(expected instanceof RegExp ? expect.stringMatching(expected) : expected);
  });
});

describe("no trap of a proxy runs", () => {
  it.each([
    ["console.log(trapped({ a: 1 }))", "info Proxy({ a: 1 })"],
    ["console.log([trapped([1])], trapped(() => 1))", "info [ Proxy([ 1 ]) ] Proxy([Function (anonymous)])"],
    [
      "console.log(trapped(class A {}), trapped(new Map([[1, trapped({})]])))",
      "info Proxy([class A]) Proxy(Map(1) { 1 => Proxy({}) })",
    ],
    ["console.log(trapped(trapped({ a: 1 })))", "info Proxy(Proxy({ a: 1 }))"],
    ["console.log(new Proxy({}, trapped({})))", "info Proxy({})"],
    [
      "const { proxy, revoke } = Proxy.revocable([1], handler); console.log(proxy); revoke(); console.log([proxy])",
      "info Proxy([ 1 ])",
      "info [ <Revoked Proxy> ]",
    ],
    ["console.log(Object.create(trapped({}), { a: { value: 1, enumerable: true } }))", "info { a: 1 }"],
    [
      "class A extends Object.setPrototypeOf(class B {}, trapped({})) {}; console.log(A, [5])",
      "info [class A] [ 5 ]",
    ],
    [
      "const a = {}; a.self = a; Object.setPrototypeOf(a, trapped({})); console.log(a)",
      "info <ref *1> { self: [Circular *1] }",
    ],
    ["const a = Object.setPrototypeOf([1, 2], trapped({})); console.log(a)", "info [ 1, 2 ]"],
    ["class A { x = 1 }; A.prototype.constructor = trapped(A); console.log(new A())", "info { x: 1 }"],
    [
      "console.log('%j', trapped({ a: [trapped([1, trapped({ b: 2 })])], c: Object.setPrototypeOf({ d: 3 }, trapped({})), e: new Date(0) }))",
      'info {"a":[[1,{"b":2}]],"c":{"d":3},"e":"1970-01-01T00:00:00.000Z"}',
    ],
    ["const a = { b: trapped({}) }; a.self = a; console.log('%j', a)", "info [Circular]"],
    [
      "class E extends Error {}; E.prototype.constructor = trapped(E); const e = new E('lost?'); e.stack = 'Error: lost?'; e.code = 5; console.log({ e })",
      "info { e: [Error: lost?] { code: 5 } }",
    ],
    [
      "const chain = trapped({}); console.log(Object.setPrototypeOf(new Map([[1, 2]]), chain), Object.setPrototypeOf(new Set([3]), chain))",
      "info Map(1) { 1 => 2 } Set(1) { 3 }",
    ],
    [
      "console.log(trapped({ x: 1, [Symbol.for('nodejs.util.inspect.custom')]() { return 'x is ' + this.x } }))",
      "info x is 1",
    ],
    [
      "console.log('%s %d %i %f %j %o', trapped([1]), trapped([2]), trapped([3]), trapped([4]), trapped({ a: 5 }), { a: 6 })",
      'info [ 1 ] 2 3 4 {"a":5} { a: 6 }',
    ],
    [
      "console.log(Object.assign(new Error('e'), { stack: 'Error: e', cause: trapped(new Error('c')) }))",
      expect.stringContaining("Proxy("),
    ],
    [
      "console.log({ [Symbol.for('nodejs.util.inspect.custom')]() { throw trapped({}) } })",
      "info (cannot be shown: [object Object])",
    ],
    [
      "console.table(trapped([trapped({ a: trapped({}) })]))",
      expect.stringContaining("│ 0       │ Proxy({}) │"),
    ],
    ["console.dir(trapped({ a: 1 }), { showHidden: true })", "info Proxy({ a: 1 })"],
    ["console.log(trapped(new Headers({ a: 'b' })))", "info Headers { a: 'b' }"],
  ])("%s", async (code, ...expected) => {
    expect(await printed(`${TRAPS} ${code}; console.log(traps)`)).toEqual([...expected, "info 0"]);
  });
});

it("gives a function the Proxy that it knows", async () => {
  expect(
    await printed(`
      const { proxy, revoke } = Proxy.revocable({ a: 1 }, { get: () => 2 });
      const seen = [proxy.a, new Proxy({}, { get: () => 3 }).b, Reflect.construct(Proxy, [{ c: 4 }, {}]).c];
      revoke();
      try { proxy.a } catch (error) { seen.push(error.name) }
      try { Proxy({}, {}) } catch (error) { seen.push(error.message) }
      try { new Proxy(1, {}) } catch (error) { seen.push(error.message) }
      seen.push(Proxy.name, Proxy.length, Proxy.revocable.length, 'prototype' in Proxy, new Proxy(() => 1, {})());
      console.log(seen.join())`),
  ).toEqual([
    "info 2,3,4,TypeError,Constructor Proxy requires 'new',Cannot create proxy with a non-object as target or handler,Proxy,2,2,false,1",
  ]);
});
