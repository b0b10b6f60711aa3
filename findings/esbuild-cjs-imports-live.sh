#!/bin/sh
# Packages: esbuild 0.28.2
# Guess: a named import of a CommonJS module is the value that the export had when the module was evaluated,
#   bundled or not.
# Behaviour: in a bundle the name is read from module.exports at each use: what is set later shows, in Node it
#   does not.
# Consequence: exports that are filled or replaced later (lazy loading, instrumentation, stubs) work in the
#   bundle and not in Node, so tests and production differ.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > Node: first
# > bundle: second

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

writeFileSync("library.cjs", `exports.mode = "first"; exports.change = () => { exports.mode = "second"; };`);
writeFileSync("entry.mjs", `import { change, mode } from "./library.cjs"; change(); export default mode;`);
await build({ entryPoints: ["entry.mjs"], bundle: true, format: "esm", platform: "node", outfile: "out.mjs", logLevel: "silent" });
console.log("Node:", (await import("./entry.mjs")).default);
console.log("bundle:", (await import("./out.mjs")).default);
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
