import { expect, test } from "vitest";
import type { NarunError } from "../contracts/index.ts";
import { buildFunction } from "./build.ts";
import { createSourceFolder, rejectionOf } from "./testing/source-folder.ts";

async function failureOf(files: Record<string, string>): Promise<NarunError> {
  await using folder = await createSourceFolder(files);
  return (await rejectionOf(buildFunction(folder.dir))) as NarunError;
}

test("a syntax error is shown with file, line, column and code frame", async () => {
  const error = await failureOf({ "index.ts": "const ä = 1;\nexport default () => ä +;\n" });
  expect(error.code).toBe("BUILD_FAILED");
  expect(error.fields.detail).toMatch(/hello\/index\.ts:2:25: Unexpected ";"\n/);
  expect(error.fields.issues).toMatchObject([
    {
      line: 2,
      column: 25,
      frame: ["  2 | export default () => ä +;", "    |                         ^"].join("\n"),
    },
  ]);
});

test("a long line is cut around the place", async () => {
  const error = await failureOf({
    "index.ts": `const a = "${"x".repeat(5_000)}"; const b = ; ${"y".repeat(500)}`,
  });
  const [{ frame }] = error.fields.issues as [{ frame: string }];
  expect(frame.length).toBeLessThan(300);
  const [code = "", caret = ""] = frame.split("\n");
  expect(code[caret.indexOf("^")]).toBe(";");
});

test("several errors come at once; a package that is not installed says how to install it", async () => {
  const error = await failureOf({
    "index.ts": `import a from "left-pad/sub"; import b from "@scope/it"; import c from "./gone.ts";
export default () => [a, b, c];`,
  });
  expect(error.code).toBe("BUILD_FAILED");
  expect(error.fields.issues).toMatchObject([
    { module: "left-pad/sub", hint: "npm install left-pad" },
    { module: "@scope/it", hint: "npm install @scope/it" },
    { module: "./gone.ts" },
  ]);
  expect(error.fields.detail).toContain("npm install left-pad");
});

test("every import that leads nowhere is told, with its place and what to do", async () => {
  const names = Array.from({ length: 8 }, (_, n) => `gone${n}`);
  const error = await failureOf({
    "index.ts": [
      ...names.map((name) => `import ${name} from "${name}";`),
      'import "./lib/a.ts";',
      `export default () => [${names.join(", ")}];`,
    ].join("\n"),
    "lib/a.ts": 'import "./helper.ts"; import "./nowhere/b.ts"; import "@/alias"; import "../indx.ts";',
    "lib/helpers.ts": "",
  });
  const detail = String(error.fields.detail);
  names.forEach((name, n) => {
    expect(detail).toMatch(
      new RegExp(`index\\.ts:${n + 1}:19: Could not resolve "${name}"[^:]*npm install ${name}\\b`),
    );
  });
  expect(detail).toMatch(
    /lib\/a\.ts:1:8: .*there is no file \S+lib\/helper\.ts; did you mean "helpers\.ts"\?/,
  );
  expect(detail).toMatch(/lib\/a\.ts:1:30: .*there is no folder \S+lib\/nowhere/);
  expect(detail).toMatch(/lib\/a\.ts:1:55: .*tsconfig\.json/);
  expect(detail).toMatch(/lib\/a\.ts:1:73: .*did you mean "index\.ts"\?/);
  expect(detail).not.toContain("more places");
});

test("modules of other platforms and of URLs are no packages to install", async () => {
  const error = await failureOf({
    "index.ts": `import { env } from "cloudflare:workers"; import x from "https://example.com/x.js";
export default () => [env, x];`,
  });
  expect(error.fields.issues).toMatchObject([
    { module: "cloudflare:workers", hint: expect.stringContaining("other platforms") },
    { module: "https://example.com/x.js", hint: expect.stringContaining("URLs") },
  ]);
});

test("a module of Node in an isolate names the chain of imports and the way out", async () => {
  const error = await failureOf({
    "index.ts": 'import "./other.ts"; import { read } from "./lib/a.ts"; export default () => read;',
    "other.ts": "export {};",
    "lib/a.ts": 'import { readFile } from "node:fs";\nexport const read = readFile;',
  });
  expect(error.code).toBe("NODE_BUILTIN_IN_ISOLATE");
  expect(error.fields.detail).toContain("index.ts → lib/a.ts → node:fs\n");
  expect(error.fields.detail).toMatch(/lib\/a\.ts:1:26\n/);
  expect(error.fields.detail).toContain("mode: node");
  expect(error.fields).toMatchObject({ modules: ["node:fs"], chains: [["index.ts", "lib/a.ts", "node:fs"]] });
});

test("so does one that a package needs, without the node: prefix", async () => {
  const error = await failureOf({
    "src/index.ts": 'import "pkg"; export default () => 1;',
    "node_modules/pkg/package.json": '{ "name": "pkg", "main": "main.js" }',
    "node_modules/pkg/main.js": 'require("./deep.js")',
    "node_modules/pkg/deep.js": 'require("fs/promises"); require("net")',
  });
  expect(error.fields.chains).toEqual([
    ["src/index.ts", "node_modules/pkg/main.js", "node_modules/pkg/deep.js", "fs/promises"],
    ["src/index.ts", "node_modules/pkg/main.js", "node_modules/pkg/deep.js", "net"],
  ]);
});

test("of many places the first few are shown, each with its chain, and the rest is counted", async () => {
  const files = Object.fromEntries(
    Array.from({ length: 12 }, (_, n) => [
      `lib/m${n}.ts`,
      `import * as fs from "node:fs"; export const a${n} = fs;`,
    ]),
  );
  const imports = Array.from({ length: 12 }, (_, n) => `import { a${n} } from "./lib/m${n}.ts";`).join("\n");
  const uses = Array.from({ length: 12 }, (_, n) => `a${n}`).join(", ");
  const error = await failureOf({ ...files, "index.ts": `${imports}\nexport default () => [${uses}];` });
  expect(error.code).toBe("NODE_BUILTIN_IN_ISOLATE");
  expect(String(error.fields.detail).match(/ → node:fs/g)).toHaveLength(5);
  expect(error.fields.detail).toContain("… and 7 more places");
  expect(error.fields.chains).toHaveLength(12);
});

test("beside other errors it is one of them, with its hint", async () => {
  const error = await failureOf({
    "index.ts": 'import "node:fs"; import "./gone.ts"; export default () => 1;',
  });
  expect(error.code).toBe("BUILD_FAILED");
  expect(error.fields.detail).toContain("mode: node");
});

test("a module of Node that is only tried is no error", async () => {
  await using folder = await createSourceFolder({
    "index.js": 'let os; try { os = require("os") } catch { os = null } export default () => os;',
  });
  await expect(buildFunction(folder.dir)).resolves.toMatchObject({ config: { name: "hello" } });
});

test.each([
  ["export const handler = 1; export const a = 2;", "index.ts exports only a, handler"],
  ["console.log(1)", "index.ts exports nothing"],
])("without a handler it says what is exported: %s", async (source, detail) => {
  const error = await failureOf({ "index.ts": source });
  expect(error.code).toBe("NO_HANDLER");
  expect(error.fields.detail).toBe(detail);
});

test.each([
  "export default () => 1",
  "export function GET() {}",
  "export const DELETE = () => 1",
  "const fetch = () => 1; export { fetch as default }",
  'export { default } from "./other.ts"',
  'export * from "./methods.ts"',
])("is a handler by its exports: %s", async (source) => {
  await using folder = await createSourceFolder({
    "index.ts": source,
    "other.ts": "export default 1",
    "methods.ts": "export const PUT = 1",
  });
  await expect(buildFunction(folder.dir)).resolves.toMatchObject({ config: { name: "hello" } });
});

test("a bundle over the limit names limit, value, usage and what weighs most", async () => {
  const error = await failureOf({
    "index.ts": 'import big from "./big.txt"; export default () => big;',
    "big.txt": "x".repeat(3_000),
    "narun.yaml": "limits: { maxBundleBytes: 1000 }\n",
  });
  expect(error.code).toBe("BUNDLE_TOO_LARGE");
  expect(error.fields.detail).toMatch(
    /^it has 3\.0 KiB \(30\d\d bytes\), limits\.maxBundleBytes is 1000 B \(1000\)/,
  );
  expect(error.fields.detail).toMatch(/heaviest files:\n +2\.9 KiB {2}big\.txt/);
  expect(error.fields).toMatchObject({ limit: "limits.maxBundleBytes", maxBytes: 1000 });
});
