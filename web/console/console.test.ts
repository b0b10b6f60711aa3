import { describe, expect, it } from "vitest";
import { printed } from "../../runtime/testing/printed.ts";
import { callJson, loadTestFunction } from "../../runtime/testing/sandbox.ts";

describe("console", () => {
  it("writes one line a call, with its level and request", async () => {
    const fn = await loadTestFunction(
      `export default () => { for (const level of ["debug", "log", "info", "warn", "error"]) console[level](level); return new Response() }`,
    );
    await fn.call();
    expect(fn.logs).toEqual([
      { level: "debug", text: "debug", request: 1 },
      { level: "info", text: "log", request: 1 },
      { level: "info", text: "info", request: 1 },
      { level: "warn", text: "warn", request: 1 },
      { level: "error", text: "error", request: 1 },
    ]);
  });

  it("shows the beginning of a list of millions without looking at the rest", async () => {
    const startedAt = performance.now();
    const lines = await printed(
      "console.log(new Array(3e6).fill(1)); console.log({ bytes: new Uint8Array(3e6) })",
    );
    expect(lines).toEqual([
      expect.stringContaining("... 2999900 more items"),
      expect.stringContaining("... 2999900 more items"),
    ]);
    // Listing every element as a property takes seconds.
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  it.each([
    [`console.log("a %s %d %i %f %%", "b", 3, 4.7, "0.5", { c: [1] })`, "info a b 3 4 0.5 % { c: [ 1 ] }"],
    [
      `console.log("%o %O %j %c!", [1], { a: 1 }, { b: 2 }, "color: red")`,
      'info [ 1, [length]: 1 ] { a: 1 } {"b":2} !',
    ],
    [
      "console.log(new Map([[1, { a: new Set([2]) }]]), null, undefined, 1n, Symbol('x'))",
      "info Map(1) { 1 => { a: Set(1) { 2 } } } null undefined 1n Symbol(x)",
    ],
    [
      "const a = { name: 'a' }; a.self = a; console.log(a)",
      "info <ref *1> { name: 'a', self: [Circular *1] }",
    ],
    ["console.log({ a: { b: { c: { d: 1 } } } })", "info { a: { b: { c: [Object] } } }"],
    ["class Customer { #secret = 1; id = 7 } console.log(new Customer())", "info Customer { id: 7 }"],
    ["console.log()", "info "],
    ["console.dir({ a: { b: { c: { d: 1 } } } }, { depth: 0 })", "info { a: [Object] }"],
    ["console.dirxml(1, 'a')", "info 1 a"],
    ["console.assert(false)", "error Assertion failed"],
    ["console.assert(0, 'sum is %d', 5)", "error Assertion failed: sum is 5"],
    ["console.assert(null, { a: 1 })", "error Assertion failed { a: 1 }"],
    ["console.countReset('none')", `warn Count for "none" does not exist`],
    ["console.timeEnd('none')", `warn Timer "none" does not exist`],
  ])("%s", async (code, line) => {
    expect(await printed(code)).toEqual([line]);
  });

  it("prints nothing where there is nothing to say", async () => {
    expect(
      await printed("console.assert(true, 'fine'); console.clear(); console.groupEnd(); console.time()"),
    ).toEqual([]);
  });

  it("counts by label", async () => {
    expect(
      await printed(
        "console.count(); console.count('x'); console.count(); console.countReset(); console.count()",
      ),
    ).toEqual(["info default: 1", "info x: 1", "info default: 2", "info default: 1"]);
  });

  it("measures time by label", async () => {
    const lines = await printed(
      "console.time('x'); console.time('x'); console.timeLog('x', { at: 1 }); console.timeEnd('x'); console.timeEnd('x')",
    );
    expect(lines).toEqual([
      'warn Timer "x" already exists',
      expect.stringMatching(/^info x: [\d.]+ms \{ at: 1 \}$/),
      expect.stringMatching(/^info x: [\d.]+ms$/),
      'warn Timer "x" does not exist',
    ]);
  });

  it("indents groups, every line of a text", async () => {
    expect(
      await printed(
        "console.group('outer'); console.log('a\\nb'); console.groupCollapsed(); console.warn('deep'); console.groupEnd(); console.log('c'); console.groupEnd(); console.log('d')",
      ),
    ).toEqual(["info outer", "info   a\n  b", "warn     deep", "info   c", "info d"]);
  });

  it("keeps the groups of concurrent requests apart", async () => {
    const fn = await loadTestFunction(`
      const both = Promise.withResolvers(); let count = 0;
      export default async (request) => {
        const name = new URL(request.url).pathname;
        console.group(name);
        if (++count === 2) both.resolve();
        await new Promise((resolve) => setTimeout(resolve, 1));
        await both.promise;
        await new Promise((resolve) => setTimeout(resolve, 1));
        console.log("in " + name);
        console.groupEnd();
        console.log("after " + name);
        return new Response();
      }`);
    await Promise.all([fn.call({ url: "http://test/a" }), fn.call({ url: "http://test/b" })]);
    for (const [request, name] of [
      [1, "/a"],
      [2, "/b"],
    ] as const) {
      const own = fn.logs.filter((line) => line.request === request).map(({ text }) => text);
      expect(own).toEqual([name, `  in ${name}`, `after ${name}`]);
    }
  });

  it("shows where a trace was called from", async () => {
    const [line] = await printed("function here() { console.trace('at %s', 'this') } here()");
    expect(line).toMatch(/^info Trace: at this\n {4}at here \(narun:bundle:1:\d+\)\n/);
  });

  it("draws tables of rows, of columns, of values and of maps", async () => {
    const lines = await printed(`
      console.table([{ a: 1, b: "x" }, { a: 22 }]);
      console.table([{ a: 1, b: 2 }], ["b"]);
      console.table(["p", { q: 1 }]);
      console.table(new Map([["k", 1]]));
      console.table("no table");`);
    expect(lines).toEqual([
      [
        "info ┌─────────┬────┬─────┐",
        "│ (index) │ a  │ b   │",
        "├─────────┼────┼─────┤",
        "│ 0       │ 1  │ 'x' │",
        "│ 1       │ 22 │     │",
        "└─────────┴────┴─────┘",
      ].join("\n"),
      [
        "info ┌─────────┬───┐",
        "│ (index) │ b │",
        "├─────────┼───┤",
        "│ 0       │ 2 │",
        "└─────────┴───┘",
      ].join("\n"),
      [
        "info ┌─────────┬───┬────────┐",
        "│ (index) │ q │ Values │",
        "├─────────┼───┼────────┤",
        "│ 0       │   │ 'p'    │",
        "│ 1       │ 1 │        │",
        "└─────────┴───┴────────┘",
      ].join("\n"),
      [
        "info ┌───────────────────┬─────┬────────┐",
        "│ (iteration index) │ Key │ Values │",
        "├───────────────────┼─────┼────────┤",
        "│ 0                 │ 'k' │ 1      │",
        "└───────────────────┴─────┴────────┘",
      ].join("\n"),
      "info no table",
    ]);
  });

  it("cuts what is endless", async () => {
    const lines = await printed(`
      console.log(Array.from({ length: 1e5 }, (_, n) => n));
      console.log({ text: "x".repeat(1e6) });
      console.log("y".repeat(3e6));
      console.table(Array(5_000).fill(1));`);
    expect(lines[0]).toContain("99900 more items");
    expect(lines[1]?.length).toBeLessThan(11_000);
    expect(lines[2]?.length).toBe(1024 * 1024 + "info ".length);
    expect(lines[3]).toContain("… and 4000 more rows");
  });

  it("never fails for what it is given, except for a label that cannot be converted", async () => {
    const outcome = await callJson(`export default () => {
      const bad = { toString() { throw new Error("no text") }, get [Symbol.toStringTag]() { throw new Error("no tag") } };
      const seen = [];
      for (const method of ["log", "error", "dir", "assert", "group", "trace", "count", "time", "timeLog"]) {
        try { console[method](method === "assert" ? false : bad, "%s", bad); console.log("%s", bad) } catch (error) { seen.push(method + ": " + error.message) }
      }
      return Response.json(seen);
    }`);
    expect(outcome).toEqual(["count: no text", "time: no text", "timeLog: no text"]);
  });

  it("asks for names of columns, where it is given any", async () => {
    const code = `export default () => { try { console.table([], "ab") } catch (error) { return Response.json(error.name) } }`;
    expect(await callJson(code)).toBe("TypeError");
  });

  it("is a namespace object, and its methods can be taken off it", async () => {
    expect(
      await callJson(`export default () => {
        const { log } = console; log("detached");
        return Response.json([String(console), log.name, Object.keys(console).length, Object.getOwnPropertyNames(Object.getPrototypeOf(console))]);
      }`),
    ).toEqual(["[object console]", "log", 19, []]);
  });
});

describe("a loop that prints without a pause", () => {
  it("is told of in full up to the bound of an entry, and the rest is counted", async () => {
    const fn = await loadTestFunction(
      `export default (request) => { for (let n = 0; n < 100_000; n++) console.log(n); return new Response() }`,
    );
    await fn.call();
    const dropped = fn.logs.filter(({ level }) => level === "dropped");
    const kept = fn.logs.length - dropped.length;
    expect(kept).toBeGreaterThan(60_000);
    expect(fn.logs[kept - 1]).toMatchObject({ text: String(kept - 1) });
    expect(dropped).toEqual([{ level: "dropped", text: String(100_000 - kept), request: 0 }]);
  });
});

describe("what was thrown", () => {
  const textOf = async (code: string) => {
    const fn = await loadTestFunction(`export default () => { ${code} }`);
    const answer = await fn.call();
    return answer.kind === "failure" ? answer.text : "";
  };

  it("is told with its causes", async () => {
    const text = await textOf(
      "const root = new RangeError('root'); throw new Error('outer', { cause: new TypeError('middle', { cause: root }) })",
    );
    expect(text).toMatch(
      /^Error: outer\n[\s\S]*\nCaused by: TypeError: middle\n[\s\S]*\nCaused by: RangeError: root\n/,
    );
    expect(await textOf("throw new Error('outer', { cause: 'text' })")).toMatch(/\nCaused by: "text"$/);
  });

  it("is told with the errors that it stands for", async () => {
    const text = await textOf("throw new AggregateError([new Error('one'), 'two'], 'both failed')");
    expect(text).toMatch(
      /^AggregateError: both failed\n[\s\S]*\n {2}Error 1 of 2: Error: one\n[\s\S]*\n {2}Error 2 of 2: "two"$/,
    );
  });

  it("ends, though its causes do not", async () => {
    expect(await textOf("const e = new Error('loop'); e.cause = e; throw e")).toMatch(
      /Caused by: \(shown above\)$/,
    );
    const chain =
      "let e = new Error('0'); for (let n = 1; n < 1e4; n++) e = new Error(String(n), { cause: e }); throw e";
    expect((await textOf(chain)).match(/Caused by/g)).toHaveLength(10);
    const many = await textOf(
      "throw new AggregateError(Array.from({ length: 99 }, (_, n) => new Error('n' + n)))",
    );
    expect(many).toContain("… and 89 more errors");
  });
});
