#!/bin/sh
# Packages: esbuild 0.28.2
# Guess: splitting only decides in how many files the output lies: import() of a CommonJS module gives the same
#   namespace with it and without it.
# Behaviour: with splitting the namespace has only default: the named exports, which Node and the bundle without
#   splitting have, are undefined, without a warning.
# Consequence: `const { name } = await import("package")` works until splitting is switched on, or until the
#   package's entry becomes CommonJS: read default when the name is absent.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > Node: default, present; present is 1
# > bundle, splitting false, 0 warnings: default, present; present is 1
# > bundle, splitting true, 0 warnings: default; present is undefined

set -eu
script=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' INT TERM
cd "$folder"
npm install --silent --no-audit --no-fund esbuild@0.28.2 >&2 || exit 2

cat >probe.mjs <<'END'
import { writeFileSync } from "node:fs";
import { build } from "esbuild";

writeFileSync("library.cjs", `exports.present = 1;`);
writeFileSync("entry.mjs", `export const library = await import("./library.cjs");`);
const show = async (name, file) => {
  const { library } = await import(file);
  console.log(`${name}: ${Object.keys(library).sort().join(", ")}; present is ${library.present}`);
};
await show("Node", "./entry.mjs");
for (const splitting of [false, true]) {
  const outdir = `out-${splitting}`;
  const { warnings } = await build({ entryPoints: ["entry.mjs"], bundle: true, format: "esm", platform: "node", outdir, outExtension: { ".js": ".mjs" }, splitting, logLevel: "silent" });
  await show(`bundle, splitting ${splitting}, ${warnings.length} warnings`, `./${outdir}/entry.mjs`);
}
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
