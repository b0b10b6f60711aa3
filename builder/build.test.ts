import { mkdir, readFile, rename, symlink, utimes } from "node:fs/promises";
import { SourceMap } from "node:module";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { sha256Hex } from "../machine/index.ts";
import { buildFunction } from "./build.ts";
import { createSourceFolder, evaluate, rejectionOf } from "./testing/source-folder.ts";

const SOURCES = {
  "index.ts": `import { greet } from "./lib/greet.ts";
import settings from "./settings.json";
/*! a licence */
export default (request: Request): Response => new Response(greet(settings.name));`,
  "lib/greet.ts": `import pad from "pad";
export const greet = (name: string) => pad("Hello, ") + name;
export const unused = "a text that nobody needs";`,
  "settings.json": '{ "name": "Ada", "other": "never read" }',
  "narun.yaml": "env: [{ name: A, value: b }]\n",
};
const PACKAGE = {
  "package.json": '{ "name": "pad", "version": "1.0.0", "main": "main.js" }',
  "main.js": "/*! pad's licence */ module.exports = (text) => text.padEnd(8);",
};
const INSTALLED = Object.fromEntries(
  Object.entries(PACKAGE).map(([file, text]) => [`node_modules/pad/${file}`, text]),
);

test("bundles, minifies and shakes; what comes out runs", async () => {
  await using folder = await createSourceFolder({ ...SOURCES, ...INSTALLED });
  const build = await buildFunction(folder.dir);
  const code = Buffer.from(build.bundle).toString();
  expect(code).not.toContain("nobody needs");
  expect(code).not.toContain("licence");
  const { default: handler } = (await evaluate(build)) as { default: (request: Request) => Response };
  expect(await handler(new Request("http://x/")).text()).toBe("Hello,  Ada");
  expect(build.elapsedMs).toBeGreaterThan(0);
  expect(build.inputs).toContain(folder.path("lib/greet.ts"));
  expect(build.heaviest.map(({ path }) => path)).toContain("node_modules/pad/main.js");
  expect(build.heaviest).toEqual(build.heaviest.toSorted((a, b) => b.bytes - a.bytes));
});

test("writes bundle, map and manifest; the revision is the manifest's digest", async () => {
  await using folder = await createSourceFolder({ ...SOURCES, ...INSTALLED });
  const build = await buildFunction(folder.dir);
  const written = (file: string) => readFile(folder.path(`.narun/build/hello/${file}`));
  expect(sha256Hex(await written("manifest.json"))).toBe(build.revision);
  expect(sha256Hex(await written("bundle.js"))).toBe(build.manifest.bundle.sha256);
  expect(sha256Hex(await written("bundle.js.map"))).toBe(build.manifest.sourceMap.sha256);
  expect((await readFile(folder.path(".narun/.gitignore"), "utf8")).trim()).toBe("*");
  expect(build.manifest.config).toMatchObject({ name: "hello", env: [{ name: "A", value: "b" }] });
});

test("writes nothing when it is told not to", async () => {
  await using folder = await createSourceFolder({ ...SOURCES, ...INSTALLED });
  await buildFunction(folder.dir, { write: false });
  await expect(readFile(folder.path(".narun/.gitignore"))).rejects.toThrow("ENOENT");
});

test("the source map has the sources, by paths relative to the folder", async () => {
  await using folder = await createSourceFolder({ ...SOURCES, ...INSTALLED });
  const map = JSON.parse(Buffer.from((await buildFunction(folder.dir)).sourceMap).toString());
  expect(map.sources).toEqual(["node_modules/pad/main.js", "lib/greet.ts", "settings.json", "index.ts"]);
  expect(map.sourcesContent).toContain(SOURCES["index.ts"]);
});

test("the same source is the same revision: in another folder, at another time, with packages installed further up", async () => {
  await using here = await createSourceFolder({ ...SOURCES, ...INSTALLED });
  await using there = await createSourceFolder({ ...SOURCES, ...INSTALLED });
  await utimes(there.path("index.ts"), 1, 1);
  const deep = join(dirname(there.dir), "a", "longer", "way");
  await mkdir(deep, { recursive: true });
  const moved = join(deep, "hello");

  const revision = (await buildFunction(here.dir)).revision;
  expect((await buildFunction(there.dir)).revision).toBe(revision);
  await rename(there.path("node_modules"), join(dirname(there.dir), "node_modules"));
  await rename(there.dir, moved);
  expect((await buildFunction(moved)).revision).toBe(revision);
  expect((await buildFunction(here.dir)).revision).toBe(revision);
});

test("places in the code are mapped right, however far above the packages are", async () => {
  const thrower = "module.exports = () => {\n  throw new Error('here');\n};\n";
  await using folder = await createSourceFolder({
    "index.ts": 'import fail from "fails"; import pad from "pad";\nexport default () => pad(fail());',
    "node_modules/fails/package.json": '{ "name": "fails", "main": "main.js" }',
    "node_modules/fails/main.js": thrower,
    ...INSTALLED,
  });
  const deep = join(dirname(folder.dir), "b", "longer", "way");
  await mkdir(deep, { recursive: true });
  await rename(folder.path("node_modules"), join(dirname(folder.dir), "node_modules"));
  const moved = join(deep, "hello");
  await rename(folder.dir, moved);

  const build = await buildFunction(moved);
  const { default: fail } = (await evaluate(build)) as { default: () => void };
  const { stack = "" } = (await rejectionOf(Promise.resolve().then(fail))) as Error;
  const map = new SourceMap(JSON.parse(Buffer.from(build.sourceMap).toString()));
  const places = [...stack.matchAll(/base64,[^:]+:(\d+):(\d+)/g)].map(([, line, column]) =>
    map.findEntry(Number(line) - 1, Number(column) - 1),
  );
  expect(places).toMatchObject([
    { originalSource: "node_modules/fails/main.js", originalLine: 1, originalColumn: 8 },
    { originalSource: "index.ts", originalLine: 1, originalColumn: 25 },
  ]);
});

test("packages may be linked to from elsewhere: their files are named from node_modules on", async () => {
  await using folder = await createSourceFolder({ ...SOURCES, ...INSTALLED });
  const revision = (await buildFunction(folder.dir)).revision;
  const elsewhere = join(dirname(folder.dir), "else", "where");
  await mkdir(elsewhere, { recursive: true });
  await rename(folder.path("node_modules"), join(elsewhere, "node_modules"));
  await symlink(join(elsewhere, "node_modules"), folder.path("node_modules"), "dir");
  expect((await buildFunction(folder.dir)).revision).toBe(revision);
});

test("code and configuration each change the revision", async () => {
  await using folder = await createSourceFolder({ ...SOURCES, ...INSTALLED });
  const first = await buildFunction(folder.dir);
  await folder.write("settings.json", '{ "name": "Eve" }');
  const second = await buildFunction(folder.dir);
  await folder.write("narun.yaml", "env: [{ name: A, value: c }]\n");
  const third = await buildFunction(folder.dir);
  expect(new Set([first, second, third].map(({ revision }) => revision)).size).toBe(3);
  expect(third.manifest.bundle).toEqual(second.manifest.bundle);
});

test("a package's build for isolates is preferred, and a file that its package.json switches off for browsers is empty", async () => {
  await using folder = await createSourceFolder({
    "index.ts": `import where from "dual"; import fs from "uses-fs";
export default { where, fs: fs };`,
    "node_modules/dual/package.json": JSON.stringify({
      name: "dual",
      exports: { ".": { node: "./node.js", worker: "./worker.js", default: "./default.js" } },
    }),
    "node_modules/dual/node.js": 'export default "node"',
    "node_modules/dual/worker.js": 'export default "worker"',
    "node_modules/dual/default.js": 'export default "default"',
    "node_modules/uses-fs/package.json":
      '{ "name": "uses-fs", "main": "main.js", "browser": { "fs": false } }',
    "node_modules/uses-fs/main.js": 'module.exports = typeof require("fs").readFileSync;',
  });
  const build = await buildFunction(folder.dir);
  expect(await evaluate(build)).toMatchObject({ default: { where: "worker", fs: "undefined" } });
  await folder.write("narun.yaml", "mode: node\n");
  expect(await evaluate(await buildFunction(folder.dir))).toMatchObject({
    default: { where: "node", fs: "function" },
  });
});

test("a package may take the name of one of Node's modules", async () => {
  await using folder = await createSourceFolder({
    "index.ts": 'import events from "events"; export default events;',
    "node_modules/events/package.json": '{ "name": "events", "main": "main.js" }',
    "node_modules/events/main.js": 'module.exports = "mine";',
  });
  expect(await evaluate(await buildFunction(folder.dir))).toHaveProperty("default", "mine");
});

test("text, JSON and bytes can be imported", async () => {
  await using folder = await createSourceFolder({
    "index.js": `import text from "./a.txt"; import html from "./a.html"; import css from "./a.css";
import bytes from "./a.bin"; import json from "./a.json";
export default { text, html, css, bytes, json, env: process.env.NODE_ENV };`,
    "a.txt": "ä",
    "a.html": "<p>",
    "a.css": "p {}",
    "a.json": "[1]",
    "a.bin": new Uint8Array([0, 255, 128]),
  });
  const { default: imported } = await evaluate(await buildFunction(folder.dir));
  expect(imported).toEqual({
    text: "ä",
    html: "<p>",
    css: "p {}",
    json: [1],
    bytes: new Uint8Array([0, 255, 128]),
    env: "production",
  });
});

test("mode: node leaves Node's modules to Node, for import and require", async () => {
  await using folder = await createSourceFolder({
    "index.ts": `import { sep } from "node:path"; import os from "./os.cjs";
export default { sep, os };`,
    "os.cjs": 'module.exports = typeof require("os").cpus;',
    "narun.yaml": "mode: node\n",
  });
  expect(await evaluate(await buildFunction(folder.dir))).toMatchObject({
    default: { sep: "/", os: "function" },
  });
});

test("what is doubtful comes as a warning", async () => {
  await using folder = await createSourceFolder({
    "index.ts": "export default (x) => typeof x === 'nmber';",
  });
  const { warnings } = await buildFunction(folder.dir);
  expect(warnings).toMatchObject([{ line: 1, column: 36 }]);
});
