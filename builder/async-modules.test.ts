/** Modules that await at their top level, however they are imported. */
import { execFileSync } from "node:child_process";
import { SourceMap } from "node:module";
import { expect, test } from "vitest";
import type { NarunError } from "../contracts/index.ts";
import { buildFunction } from "./build.ts";
import { createSourceFolder, evaluate, rejectionOf } from "./testing/source-folder.ts";

async function build(files: Record<string, string>) {
  await using folder = await createSourceFolder(files);
  return await buildFunction(folder.dir, { write: false });
}

async function run(files: Record<string, string>): Promise<unknown> {
  const { default: main } = await evaluate(await build(files));
  return (main as () => unknown)();
}

const AWAITING = { "b.js": "export const b = await Promise.resolve(1).then((x) => x + 1);" };

test.each([
  [
    "itself",
    { "index.js": 'const { b } = require("./b.js");\nexport default () => b;' },
    "index.js:1:23",
    "b.js, which awaits",
  ],
  [
    "by what it imports",
    {
      "index.js": 'import a from "./a.cjs"; export default () => a;',
      "a.cjs": "\n/* ä */ exports.b = () => require('./c.js').c;",
      "c.js": 'export { b as c } from "./b.js";',
    },
    "a.cjs:2:35",
    "a.cjs requires c.js, which imports b.js, which awaits at its top level",
  ],
  [
    "in mode node",
    { "index.js": 'export default () => require("./b.js");', "narun.yaml": "mode: node" },
    "index.js:1:30",
    "index.js requires b.js, which awaits",
  ],
] as [string, Record<string, string>, string, string][])(
  "require() of one that awaits %s is an error that names both",
  async (_, files, place, message) => {
    const { code, fields } = (await rejectionOf(build({ ...AWAITING, ...files }))) as NarunError;
    expect(code).toBe("BUILD_FAILED");
    expect(fields.detail).toContain(`${place}: `);
    expect(fields.detail).toContain(message);
    expect(fields.detail).toMatch(/require\(\) cannot wait for it[\s\S]*write `import` in/);
  },
);

test("import() of one within CommonJS is none, nor is a require() that nothing keeps", async () => {
  const files = {
    ...AWAITING,
    "index.js":
      'import { get } from "./a.cjs"; import { used } from "./c.js"; export default async () => [used, (await get()).b];',
    "a.cjs": 'exports.get = () => import("./b.js");',
    "c.js": 'export const used = 1; export const unused = () => require("./d.cjs");',
    "d.cjs": 'module.exports = require("./b.js");',
  };
  expect(await run(files)).toEqual([1, 2]);
});

test("`export *` from one waits for it, at the start and behind import()", async () => {
  const files = {
    ...AWAITING,
    "index.js": `export * from "./b.js";
import * as start from "./start.js";
const atStart = start.b;
export const again = () => import("./start.js");
export default async () => [atStart, (await import("./lazy.js")).b, (await import("./b.js")).b];`,
    "start.js": 'export * from "./b.js";',
    "lazy.js": 'export * from "./lazy-b.js"; export const one = 1;',
    "lazy-b.js": 'export * from "./last.js"; export const two = 2;',
    "last.js": "export const b = await new Promise((resolve) => setImmediate(resolve, 3));",
  };
  expect(await run(files)).toEqual([2, 3, 2]);
});

test("the source map knows of what the build adds", async () => {
  const source = 'export * from "./b.js"; export const fail = () => { throw new Error("here"); };';
  const { bundle, sourceMap } = await build({
    ...AWAITING,
    "index.js": 'export default async () => (await import("./lazy.js")).fail();',
    "lazy.js": source,
  });
  const code = Buffer.from(bundle).toString();
  const line = code.split("\n").findIndex((text) => text.includes('Error("here")'));
  const column = code.split("\n")[line]?.indexOf('Error("here")') ?? -1;
  expect(code).toContain("await init_b()");
  expect(new SourceMap(JSON.parse(Buffer.from(sourceMap).toString())).findEntry(line, column)).toMatchObject({
    originalSource: "lazy.js",
    originalColumn: source.indexOf("Error("),
  });
});

test("modules that await run one after another, where Node runs those beside each other at the same time", async () => {
  const awaiting = (name: string) => `globalThis.order ??= [];
order.push("${name} begins");
await new Promise((resolve) => setImmediate(resolve));
order.push("${name} ends");`;
  await using folder = await createSourceFolder({
    "index.mjs": `import "./one.mjs"; import "./two.mjs";\nconst seen = order.splice(0); export default () => seen;`,
    "one.mjs": awaiting("one"),
    "two.mjs": awaiting("two"),
  });
  const orderOf = (exports: Record<string, unknown>) => (exports.default as () => unknown)();
  const bundled = orderOf(await evaluate(await buildFunction(folder.dir, { write: false })));
  expect(bundled).toEqual(["one begins", "one ends", "two begins", "two ends"]);
  const inNode = execFileSync(process.execPath, [
    "-p",
    `import(${JSON.stringify(folder.path("index.mjs"))}).then((it) => console.log(it.default().join()))`,
  ]);
  expect(String(inNode)).toContain("one begins,two begins,one ends,two ends");
});
