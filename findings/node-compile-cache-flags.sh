#!/bin/sh
# Packages: node 26.10.0
# Guess: the compile cache of Node (module.enableCompileCache) serves every start: flags of V8 that a program sets by
#   v8.setFlagsFromString after it has opened the cache do not matter. And vm.Script refuses damaged cachedData.
# Behaviour: V8 refuses code that was made with other flags. Node has a folder for each set of flags, but as they are when
#   the cache is opened: starts with different later flags replace each other's code, and each compiles all anew. V8
#   takes cachedData with a flipped byte.
# Consequence: set flags before enableCompileCache(), and keep a digest of cachedData that a disk may damage.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > flags a: made
# > flags a: taken
# > flags b: refused
# > flags a: refused
# > cached data with a flipped byte: taken

set -eu
script=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' INT TERM
cd "$folder"
npm init -y >/dev/null && npm install --silent node@26.10.0 >&2 || exit 2
PATH="$folder/node_modules/.bin:$PATH"

cat >main.cjs <<'END'
require("node:module").enableCompileCache("cache");
require("node:v8").setFlagsFromString(`--semi-space-growth-factor=${process.argv[2] === "a" ? 1 : 16}`);
require("./part.cjs");
END
echo 'exports.sum = (a, b) => a + b; exports.sum(1, 2);' >part.cjs
cat >flip.cjs <<'END'
const { Script } = require("node:vm");
const source = `const texts = [${Array.from({ length: 500 }, (_, n) => `"text number ${n}"`)}];`;
const cachedData = new Script(source).createCachedData();
cachedData[cachedData.indexOf("text number 250")] = "T".charCodeAt(0);
const { cachedDataRejected } = new Script(source, { cachedData });
console.log(`cached data with a flipped byte: ${cachedDataRejected ? "refused" : "taken"}`);
END

start() {
  told=$(NODE_DEBUG_NATIVE=COMPILE_CACHE node main.cjs "$1" 2>&1 | grep "part.cjs" || true)
  case "$told" in
  *"was accepted"*) echo "flags $1: taken" ;;
  *"was rejected"*) echo "flags $1: refused" ;;
  *) echo "flags $1: made" ;;
  esac
}
{
  start a
  start a
  start b
  start a
  node flip.cjs
} >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
