#!/bin/sh
# Packages: esbuild 0.28.2
# Guess: sideEffects: false of a package only lets the bundler drop modules that nothing uses.
# Behaviour: when a name is imported by way of `export *` and the program also has an import() of the module
#   behind it (without splitting), the call that runs that module is dropped with the barrel: the static
#   import is undefined, without a warning, until the import() has run.
# Consequence: one lazy import() that is added elsewhere breaks static imports of the same package at run time:
#   import from the inner module, or build with splitting.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > sideEffects false: Node string, bundle string, 0 warnings
# > sideEffects false, import(): Node string, bundle undefined (after import() string), 0 warnings
# > sideEffects false, import(), splitting: Node string, bundle string (after import() string), 0 warnings
# > sideEffects true, import(): Node string, bundle string (after import() string), 0 warnings

set -eu
script=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' INT TERM
cd "$folder"
npm install --silent --no-audit --no-fund esbuild@0.28.2 >&2 || exit 2

cat >probe.mjs <<'END'
import { mkdirSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const library = "node_modules/library";
mkdirSync(library, { recursive: true });
writeFileSync(`${library}/index.js`, `export * from "./inner.js";`);
writeFileSync(`${library}/inner.js`, `export const value = String(1);`);
const used = `import { value } from "library"; export const read = () => typeof value;`;
const lazy = `export const lazy = () => import("library/inner.js");`;
async function show(name, source, sideEffects, splitting) {
  const [entry, outdir] = [`${name}.mjs`.replaceAll(/[^\w.]/g, "-"), "out"];
  writeFileSync(`${library}/package.json`, JSON.stringify({ name: "library", type: "module", main: "index.js", sideEffects }));
  writeFileSync(entry, source);
  const outExtension = { ".js": ".mjs" };
  const { warnings } = await build({ entryPoints: [entry], bundle: true, format: "esm", platform: "node", outdir, outExtension, splitting, logLevel: "silent" });
  const [bundle, node] = [await import(`./out/${entry}`), await import(`./${entry}`)];
  const before = `Node ${node.read()}, bundle ${bundle.read()}`;
  await bundle.lazy?.();
  console.log(`${name}: ${before}${bundle.lazy ? ` (after import() ${bundle.read()})` : ""}, ${warnings.length} warnings`);
}
await show("sideEffects false", used, false, false);
await show("sideEffects false, import()", used + lazy, false, false);
await show("sideEffects false, import(), splitting", used + lazy, false, true);
await show("sideEffects true, import()", used + lazy, true, false);
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
