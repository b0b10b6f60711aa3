/** The imports of a function, and their values. */
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import type { NarunError } from "../contracts/index.ts";
import { buildFunction } from "./build.ts";
import { BYTES, TEXT } from "./bundle-options.ts";
import { createSourceFolder, evaluate, rejectionOf } from "./testing/source-folder.ts";

/** A WebAssembly module that exports `add(a, b)`, byte for byte. */
const ADD_WASM = new Uint8Array([
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x07, 0x01, 0x60, 0x02, 0x7f, 0x7f, 0x01, 0x7f],
  ...[0x03, 0x02, 0x01, 0x00],
  ...[0x07, 0x07, 0x01, 0x03, 0x61, 0x64, 0x64, 0x00, 0x00],
  ...[0x0a, 0x09, 0x01, 0x07, 0x00, 0x20, 0x00, 0x20, 0x01, 0x6a, 0x0b],
]);

async function build(files: Record<string, string | Uint8Array>) {
  await using folder = await createSourceFolder(files);
  return await buildFunction(folder.dir, { write: false });
}

/** The default export of `index.js`, called. */
async function run(files: Record<string, string | Uint8Array>): Promise<unknown> {
  const { default: main } = await evaluate(await build(files));
  return (main as () => unknown)();
}

describe("import() of own modules", () => {
  test("evaluates them at the first use, and once", async () => {
    const log = await run({
      "index.js": `globalThis.evaluated = [];
export default async () => {
  const before = [...evaluated];
  const [a, b] = [await import("./lazy.js"), await import("./lazy.js")];
  return { before, after: [...evaluated], same: a === b, value: a.value, keys: Object.keys(a) };
};`,
      "lazy.js":
        'import { deep } from "./deep.js"; evaluated.push("lazy"); export const value = deep; export default 1;',
      "deep.js": 'evaluated.push("deep"); export const deep = await Promise.resolve("deep");',
    });
    expect(log).toEqual({
      before: [],
      after: ["deep", "lazy"],
      same: true,
      value: "deep",
      keys: ["default", "value"],
    });
  });

  test("rejects each time with what the module throws, and spares whoever does not need it", async () => {
    const outcome = await run({
      "index.js": `export default async () => {
  const failures = [];
  for (let i = 0; i < 2; i++) await import("./broken.js").catch((error) => failures.push(error));
  return { message: failures[0].message, same: failures[0] === failures[1] };
};`,
      "broken.js": 'throw new Error("does not load"); export const never = 1;',
    });
    expect(outcome).toEqual({ message: "does not load", same: true });
  });

  test("of a template that begins with a folder takes every module that fits", async () => {
    const files = {
      "index.js": `const load = async (name) => import(\`./lang/\${name}.js\`);
export default async () => [(await load("de")).default, await load("xx").catch((error) => error.message)];`,
      "lang/de.js": 'export default "Hallo"',
      "lang/en.js": 'export default "Hello"',
    };
    expect(await run(files)).toEqual(["Hallo", expect.stringContaining("./lang/xx.js")]);
  });

  test.each([
    ["import(name)", "import() of a computed name"],
    ["require(name)", "require() of a computed name"],
  ])("%s is a warning with the place and the way out", async (expression, message) => {
    const { warnings } = await build({ "index.js": `export default (name) =>\n  ${expression};` });
    expect(warnings).toMatchObject([
      {
        line: 2,
        column: 3,
        message: expect.stringContaining(message),
        hint: expect.stringContaining("./a.ts"),
      },
    ]);
  });
});

describe("imports of what is no JavaScript", () => {
  test("JSON, with its attribute and without", async () => {
    const files = {
      "index.js": `import a from "./a.json"; import b, { } from "./b.json" with { type: "json" };
import { name } from "./a.json";
export default () => [a, b, name];`,
      "a.json": '{ "name": "Ada" }',
      "b.json": "[1, null]",
    };
    expect(await run(files)).toEqual([{ name: "Ada" }, [1, null], "Ada"]);
  });

  test.each(TEXT)("a string: .%s", async (ending) => {
    const files = { "index.js": `import text from "./a.${ending}"; export default () => text;` };
    expect(await run({ ...files, [`a.${ending}`]: "select ä;\n" })).toBe("select ä;\n");
  });

  test.each(BYTES)("a Uint8Array: .%s", async (ending) => {
    const files = { "index.js": `import bytes from "./a.${ending}"; export default () => bytes;` };
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    expect(await run({ ...files, [`a.${ending}`]: bytes })).toEqual(bytes);
  });

  test("all of them have types, and are in the documentation", async () => {
    const types = await readFile(new URL("../functions/sdk/modules.d.ts", import.meta.url), "utf8");
    const declared = [...types.matchAll(/"\*\.([\w?]+)" \{\n {2}const \w+: ([\w.]+)/g)].map(
      ([, ending, type]) => [ending, type],
    );
    expect(Object.fromEntries(declared)).toEqual({
      ...Object.fromEntries(TEXT.map((ending) => [ending, "string"])),
      ...Object.fromEntries(BYTES.map((ending) => [ending, "Uint8Array"])),
      wasm: "WebAssembly.Module",
      "wasm?module": "WebAssembly.Module",
    });
    const guide = await readFile(new URL("../docs/modules.md", import.meta.url), "utf8");
    const rows = guide.slice(guide.indexOf("| import of | is |"), guide.indexOf('`import("./part.ts")`'));
    expect([...TEXT, ...BYTES].filter((ending) => !rows.includes(`\`.${ending}\``))).toEqual([]);
  });

  test("any other file, by its attribute", async () => {
    const files = {
      "index.js": `import text from "./a.tmpl" with { type: "text" }; import bytes from "./a.tmpl" with { type: "bytes" };
export default () => [text, bytes];`,
      "a.tmpl": "ab",
    };
    expect(await run(files)).toEqual(["ab", new Uint8Array([97, 98])]);
  });

  test("without one, the error says which there are", async () => {
    const files = { "index.js": 'import text from "./a.tmpl"; export default () => text;', "a.tmpl": "" };
    const error = (await rejectionOf(build(files))) as NarunError;
    expect(error.fields.detail).toMatch(/index\.js:1:18: .*"\.tmpl"[\s\S]*with \{ type: "text" \}/);
  });

  test("WebAssembly is a module, with ?module, too; its bytes come by attribute", async () => {
    const files = {
      "index.js": `import add from "./lib/add.wasm"; import same from "./lib/add.wasm?module";
import bytes from "./lib/add.wasm" with { type: "bytes" };
export default () => [add, same].map((module) => module instanceof WebAssembly.Module && new WebAssembly.Instance(module).exports.add(2, 3)).concat(bytes.length);`,
      "lib/add.wasm": ADD_WASM,
    };
    expect(await run(files)).toEqual([5, 5, ADD_WASM.length]);
  });

  test("WebAssembly of a package, and behind import() compiled when it is needed", async () => {
    const files = {
      "index.js": `export default async () => {
  const failed = await import("./broken.wasm").catch((error) => error.name);
  const { default: add } = await import("adder/add.wasm");
  return [failed, new WebAssembly.Instance(add).exports.add(20, 3)];
};`,
      "broken.wasm": new Uint8Array([1, 2, 3]),
      "node_modules/adder/package.json": '{ "name": "adder", "exports": { "./*.wasm": "./*.wasm" } }',
      "node_modules/adder/add.wasm": ADD_WASM,
    };
    expect(await run(files)).toEqual(["CompileError", 23]);
  });

  test("a bundle with WebAssembly is the same in every folder", async () => {
    const files = { "index.js": 'import a from "./a.wasm"; export default () => a;', "a.wasm": ADD_WASM };
    expect((await build(files)).revision).toBe((await build(files)).revision);
  });
});

describe("packages", () => {
  const packageWith = (exports: object) => ({
    "index.js": 'import where from "dual"; export default () => where;',
    "node_modules/dual/package.json": JSON.stringify({ name: "dual", exports: { ".": exports } }),
    ...Object.fromEntries(
      ["workerd", "worker", "browser", "node", "default", "import"].map((name) => [
        `node_modules/dual/${name}.js`,
        `export default "${name}"`,
      ]),
    ),
  });
  const files = (...names: string[]) => Object.fromEntries(names.map((name) => [name, `./${name}.js`]));

  test.each([
    [["node", "workerd", "default"], "workerd"],
    [["node", "worker", "default"], "worker"],
    [["node", "browser", "default"], "browser"],
    [["browser", "workerd", "worker"], "browser"],
    [["worker", "browser", "workerd"], "worker"],
    [["node", "import", "default"], "import"],
    [["node", "default"], "default"],
  ])("that have builds for %j give %s", async (names, expected) => {
    expect(await run(packageWith(files(...names)))).toBe(expected);
  });

  test("without exports give their browser build before their module build", async () => {
    const source = (manifest: object) => ({
      "index.js": 'import where from "old"; export default () => where;',
      "node_modules/old/package.json": JSON.stringify({ name: "old", ...manifest }),
      ...Object.fromEntries(
        ["a", "b", "c"].map((name) => [`node_modules/old/${name}.js`, `export default "${name}"`]),
      ),
    });
    expect(await run(source({ main: "a.js", module: "b.js", browser: "c.js" }))).toBe("c");
    expect(await run(source({ main: "a.js", module: "b.js" }))).toBe("b");
  });
});

test("what code asks of its surroundings: production, a URL of its own, no global", async () => {
  const source = `export default () => [process.env.NODE_ENV, import.meta.url, new URL("./a", import.meta.url).href, String(() => typeof global)];`;
  expect(await run({ "index.js": source })).toEqual([
    "production",
    "file:///bundle.js",
    "file:///a",
    "()=>typeof global",
  ]);
});

test("names are kept: stacks and printed objects show the author's", async () => {
  const source = `class Customer {}
function findCustomer() { return new Error("x").stack; }
export default () => [new Customer().constructor.name, findCustomer()];`;
  expect(await run({ "index.js": source })).toEqual(["Customer", expect.stringContaining("at findCustomer")]);
});

describe("the build of a package", () => {
  const files = (settings: string) => ({
    "index.js": 'import { where } from "dual"; import old from "old"; export default () => [where, old];',
    "narun.yaml": `build: { ${settings} }\n`,
    "node_modules/dual/package.json": JSON.stringify({
      exports: { browser: "./browser.js", edge: "./edge.js", default: "./default.js" },
    }),
    "node_modules/dual/browser.js": 'export const where = "browser";',
    "node_modules/dual/edge.js": 'export const where = "edge";',
    "node_modules/dual/default.js": 'export const where = "default";',
    "node_modules/old/package.json": '{ "browser": "browser.js", "main": "main.js" }',
    "node_modules/old/browser.js": 'export default "browser";',
    "node_modules/old/main.js": 'export default "main";',
  });

  test.each([
    ["", ["browser", "browser"]],
    ["conditions: [edge]", ["edge", "browser"]],
    ["conditions: [], mainFields: [module, main]", ["default", "main"]],
    ["conditions: [edge, browser]", ["browser", "browser"]],
    ["mainFields: [main]", ["browser", "main"]],
  ])("is chosen by narun.yaml: %j", async (settings, expected) => {
    expect(await run(files(settings))).toEqual(expected);
  });

  test("is told where it makes files empty that another build has; modules of Node are not worth a word", async () => {
    const sources = {
      ...files(""),
      "node_modules/old/package.json": JSON.stringify({
        main: "main.js",
        browser: { fs: false, "./server.js": false, other: false },
      }),
      "node_modules/old/main.js":
        'import fs from "fs"; import { x } from "./server.js"; export default [typeof fs, typeof x, typeof require("other")];',
      "node_modules/old/server.js": "export const x = 1;",
      "node_modules/other/index.js": "module.exports = () => 1;",
    };
    const { warnings } = await build(sources);
    const told = (file: string) => ({
      message: `node_modules/${file}, which node_modules/old/main.js imports, is empty: its package.json switches it off for browsers ("browser": { …: false })`,
      hint: expect.stringContaining("mainFields: [module, main]"),
    });
    const order = (a: { message: string }, b: { message: string }) => (a.message < b.message ? -1 : 1);
    expect(warnings.toSorted(order)).toMatchObject([told("old/server.js"), told("other/index.js")]);
    const settings = "build: { conditions: [worker], mainFields: [module, main] }\nmode: node\n";
    expect((await build({ ...sources, "narun.yaml": settings })).warnings).toEqual([]);
  });

  test("is no part of the configuration, and a wrong setting is an error with its place", async () => {
    expect((await build(files("conditions: [edge]"))).config).not.toHaveProperty("build");
    expect(await rejectionOf(build(files("mainField: [main]")))).toMatchObject({
      code: "CONFIG_INVALID",
      fields: { detail: expect.stringContaining('unknown key "mainField"; did you mean "mainFields"?') },
    });
    expect(await rejectionOf(build(files("conditions: [a b]")))).toMatchObject({
      fields: { detail: expect.stringContaining("build.conditions.0: a condition is a name") },
    });
  });
});

describe("names", () => {
  const files = {
    "index.js": `import "./other.js";
class Failure extends Error {}
const A = class Inner {};
const f = function inner() {};
export default () => [A.name, f.name, new Failure().constructor.name];`,
    "other.js": "class Failure {} globalThis.other = Failure;",
  };

  test("of classes and functions stay; one that the bundle has twice gets a number", async () => {
    expect(await run(files)).toEqual(["Inner", "inner", "Failure2"]);
  });

  test("all stay with keepNames", async () => {
    expect(await run({ ...files, "narun.yaml": "build: { keepNames: true }\n" })).toEqual([
      "Inner",
      "inner",
      "Failure",
    ]);
  });
});
