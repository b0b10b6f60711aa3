/**
 * Modules of the platform that are made when one of their functions is first called, not in the snapshot: an isolate that
 * never does costs only their text. Their objects and closures weigh five times that, half of it twice, as isolated-vm
 * makes a second context in each isolate. Of all modules it is worth while for these: 70 KB an isolate.
 *
 * I1  Such a module exports functions only, whose `length` nobody looks at, and does nothing else when it is evaluated.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Plugin } from "esbuild";
import { SOURCE_EXTENSION } from "./built-file.ts";

const LAZY_MODULES = ["crypto/algorithms", "crypto/jwk", "crypto/normalize", "crypto/supports"];

export function lazyModules(platformFolder: string): Plugin {
  const files = new Set(LAZY_MODULES.map((name) => join(platformFolder, `${name}${SOURCE_EXTENSION}`)));
  return {
    name: "lazy-modules",
    setup({ onLoad, esbuild }) {
      onLoad({ filter: /\.[jt]s$/ }, async ({ path }) => {
        if (!files.has(path)) return undefined;
        const { code } = await esbuild.transform(await readFile(path, "utf8"), {
          loader: "ts",
          target: "esnext",
        });
        return { contents: makeLazy(code, path), loader: "js" };
      });
    },
  };
}

const IMPORT = /^import\s[^;]*;$/gm;
const EXPORTED = /^export ((?:async )?function\*? (\w+))/gm;

/** Its imports stay what they are; everything else is the body of a function. */
function makeLazy(code: string, path: string): string {
  const names = [...code.matchAll(EXPORTED)].map(([, , name = ""]) => name);
  const body = code.replace(IMPORT, "").replace(EXPORTED, "$1");
  if (names.length === 0 || /^export /m.test(body))
    throw new Error(`${path} cannot be made late: it exports more than functions`);
  return [
    ...(code.match(IMPORT) ?? []),
    "let made;",
    `function make() {\n${body}\nreturn { ${names.join(", ")} };\n}`,
    ...names.map(
      (name) => `export function ${name}(...values) { return (made ??= make()).${name}(...values); }`,
    ),
  ].join("\n");
}
