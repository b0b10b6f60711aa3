/** WebAssembly files as modules, with the exports and imports of the file. */
import { expect, test } from "vitest";
import type { NarunError } from "../contracts/index.ts";
import { buildFunction } from "./build.ts";
import { createSourceFolder, evaluate, rejectionOf } from "./testing/source-folder.ts";

const text = (value: string): number[] => [value.length, ...Buffer.from(value)];
const section = (id: number, ...content: number[]): number[] => [id, content.length, ...content];

/** Imports `scale` of a module, a function from i32 to i32, and exports `double(x)`, which calls it, and one odd name. */
const scaling = (from: string): Uint8Array =>
  new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, 1, 0x60, 1, 0x7f, 1, 0x7f),
    ...section(2, 1, ...text(from), ...text("scale"), 0, 0),
    ...section(3, 1, 0),
    ...section(7, 3, ...text("double"), 0, 1, ...text("default"), 0, 1, ...text("a-b"), 0, 1),
    ...section(10, 1, 6, 0, 0x20, 0, 0x10, 0, 0x0b),
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

/** As `wasm-bindgen --target bundler` writes it. */
const BINDGEN = {
  "node_modules/calc/package.json":
    '{ "name": "calc", "type": "module", "main": "calc.js", "sideEffects": ["./calc.js"] }',
  "node_modules/calc/calc.js": `import * as wasm from "./calc_bg.wasm";
export * from "./calc_bg.js";
import { __wbg_set_wasm } from "./calc_bg.js";
__wbg_set_wasm(wasm);`,
  "node_modules/calc/calc_bg.js": `let wasm;
export function __wbg_set_wasm(val) { wasm = val; }
export function scale(x) { return 2 * x; }
export function double(x) { return wasm.double(x); }`,
  "node_modules/calc/calc_bg.wasm": scaling("./calc_bg.js"),
};

test("a package that wasm-bindgen made for bundlers runs", async () => {
  const source = 'import { double } from "calc"; export default () => double(21);';
  expect(await run({ "index.js": source, ...BINDGEN })).toBe(42);
});

test("so does its earlier form, in which both files import each other", async () => {
  const files = {
    ...BINDGEN,
    "index.js": 'import { double } from "calc"; export default () => double(21);',
    "node_modules/calc/calc.js": 'import * as wasm from "./calc_bg.wasm";\nexport * from "./calc_bg.js";',
    "node_modules/calc/calc_bg.js":
      'import * as wasm from "./calc_bg.wasm";\nexport const scale = (x) => 2 * x;\nexport const double = (x) => wasm.double(x);',
  };
  expect(await run(files)).toBe(42);
});

test("single exports, odd names and the module itself come of one file; its imports may be a package's", async () => {
  const files = {
    "index.js": `import module, { double, "a-b" as odd } from "./a.wasm";
import * as all from "./a.wasm";
export default () => [module instanceof WebAssembly.Module, double(1), odd(2), all.double === double, all.default === module, Object.keys(all)];`,
    "a.wasm": scaling("scales"),
    "node_modules/scales/package.json": '{ "name": "scales", "type": "module", "main": "main.js" }',
    "node_modules/scales/main.js": "export const scale = (x) => 3 * x;",
  };
  expect(await run(files)).toEqual([true, 3, 6, true, true, ["a-b", "default", "double"]]);
});

test("a name that is not exported is an error of the build", async () => {
  const files = {
    ...BINDGEN,
    "index.js": 'import { triple } from "calc/calc_bg.wasm"; export default () => triple(1);',
  };
  expect(await rejectionOf(build(files))).toMatchObject({
    code: "BUILD_FAILED",
    fields: { detail: expect.stringContaining('"triple"') },
  });
});

test.each([
  ['import module from "./a.wasm"', "module"],
  ['import module from "./a.wasm?module"', "module"],
  ['import * as wasm from "./a.wasm"', "wasm.default"],
  ['const module = () => import("./a.wasm")', "(await module()).default"],
  ["const module = require('./a.wasm')", "module.default"],
])("the module alone needs no imports: %s", async (statement, module) => {
  const files = {
    "index.js": `${statement};
export default async () => new WebAssembly.Instance(${module}, { env: { scale: (x) => 5 * x } }).exports.double(2);`,
    "a.wasm": scaling("env"),
  };
  expect(await run(files)).toBe(10);
});

test.each([
  ['import * as wasm from "./lib/a.wasm"; globalThis.wasm = wasm;'],
  ['import { double } from "./lib/a.wasm"; globalThis.wasm = double;'],
])(
  "an instance whose imports are nowhere is an error that says which target to build for: %s",
  async (statement) => {
    const files = { "index.js": `${statement} export default () => wasm;`, "lib/a.wasm": scaling("env") };
    const { code, fields } = (await rejectionOf(build(files))) as NarunError;
    expect(code).toBe("BUILD_FAILED");
    expect(fields.detail).toMatch(
      /lib\/a\.wasm, whose exports index\.js imports, needs "env": that is neither a file beside it nor a package\n[\s\S]*--target bundler[\s\S]*new WebAssembly\.Instance\(module, \{ "env": … \}\)/,
    );
  },
);

test("files are named as they are, whatever is imported of them", async () => {
  await using folder = await createSourceFolder({
    ...BINDGEN,
    "index.js":
      'import { double } from "calc"; import b from "./b.wasm?module"; import t from "./t.x" with { type: "text" }; export default () => [double, b, t];',
    "b.wasm": scaling("env"),
    "t.x": "",
  });
  const { inputs } = await buildFunction(folder.dir, { write: false });
  const files = ["calc.js", "calc_bg.js", "calc_bg.wasm"].map((file) => `node_modules/calc/${file}`);
  expect(inputs.toSorted()).toEqual(["b.wasm", "index.js", ...files, "t.x"].map((file) => folder.path(file)));
});
