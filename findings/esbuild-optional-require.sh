#!/bin/sh
# Packages: esbuild 0.28.2
# Guess: require() of a package that is not installed, inside try, throws in the bundle what Node throws, so
#   that code === "MODULE_NOT_FOUND" still finds it.
# Behaviour: with format esm the build passes without a warning and the error is 'Dynamic require of "..." is
#   not supported', without a code.
# Consequence: packages that rethrow everything but MODULE_NOT_FOUND of an optional dependency fail at start
#   when bundled, and only then.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > errors and warnings of the build: 0 0
# > Node: MODULE_NOT_FOUND: Cannot find module 'not-installed'
# > bundle: undefined: Dynamic require of "not-installed" is not supported

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

writeFileSync(
  "library.cjs",
  `try { require("not-installed"); } catch (error) { exports.seen = error.code + ": " + error.message.split("\\n")[0]; }`,
);
writeFileSync("entry.mjs", `import library from "./library.cjs"; export default library.seen;`);
const { warnings, errors } = await build({ entryPoints: ["entry.mjs"], bundle: true, format: "esm", platform: "node", outfile: "out.mjs", logLevel: "silent" });
console.log("errors and warnings of the build:", errors.length, warnings.length);
console.log("Node:", (await import("./entry.mjs")).default);
console.log("bundle:", (await import("./out.mjs")).default);
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
