import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { DirectImports } from "./direct-imports.ts";

const folder = mkdtempSync(join(tmpdir(), "narun-direct-"));
afterAll(() => rmSync(folder, { recursive: true }));
const write = (name: string, text: string) => writeFileSync(join(folder, name), text);

write(
  "index.ts",
  'export * from "./all.ts";\nexport {\n  one,\n  two as second,\n  type Three,\n} from "./some.ts";\n',
);
write("all.ts", "export function first() {}\nexport const other = 1;\nexport interface Shape {}\n");
write("some.ts", 'export { one } from "./one.ts";\nexport class two {}\nexport type Three = 3;\n');
write("one.ts", "export async function one() {}\n");

const direct = (code: string) => new DirectImports().of(join(folder, "main.ts"), code);

it("imports each value from the file that declares it", () => {
  expect(direct('import { first, one as uno, second, type Three } from "./index.ts";\nfirst();')).toBe(
    'import { first } from "./all.ts"; import { one as uno } from "./one.ts"; import { two as second } from "./some.ts";\nfirst();',
  );
});

it("leaves an import with a name that it does not find, and imports of other files", () => {
  const code = 'import { first, unknown } from "./index.ts";\nimport { one } from "./one.ts";\n';
  expect(direct(code)).toBe(code);
});

it("leaves out an import of types", () => {
  expect(direct('import { type Shape } from "./index.ts";')).toBe("");
});

it("names the files that it has read: a change of one may change the result", () => {
  const imports = new DirectImports();
  imports.of(join(folder, "main.ts"), 'import { one } from "./index.ts";');
  expect(imports.files.map((file) => basename(file)).sort()).toEqual([
    "all.ts",
    "index.ts",
    "one.ts",
    "some.ts",
  ]);
});
