#!/bin/sh
# Packages: esbuild 0.28.2
# Guess: an import of a name that no module exports fails the build, or at least warns, also when the name may
#   come by `export *`.
# Behaviour: when `export *` leads to a CommonJS module there is neither error nor warning, and the import is
#   undefined; Node refuses the same program with a SyntaxError.
# Consequence: a misspelt or removed export passes the build and shows as "x is not a function" on the first
#   use.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > errors and warnings of the build: 0 0
# > Node: SyntaxError
# > bundle: undefined

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
writeFileSync("barrel.mjs", `export * from "./library.cjs";`);
writeFileSync("entry.mjs", `import { absent } from "./barrel.mjs"; export default typeof absent;`);
const { warnings, errors } = await build({ entryPoints: ["entry.mjs"], bundle: true, format: "esm", platform: "node", outfile: "out.mjs", logLevel: "silent" });
console.log("errors and warnings of the build:", errors.length, warnings.length);
console.log("Node:", await import("./entry.mjs").then((module) => module.default, (error) => error.name));
console.log("bundle:", await import("./out.mjs").then((module) => module.default, (error) => error.name));
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
