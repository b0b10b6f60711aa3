#!/bin/sh
# Packages: node 26.10.0, isolated-vm 7.0.1
# Guess: evaluate() of a module that threw rejects with the same error each time, as the standard says and
#   import() does.
# Behaviour: the first evaluate() rejects, each later one resolves with undefined; the exports that were not
#   reached stay in their dead zone.
# Consequence: a cache that evaluates at each use ("evaluating twice is harmless") takes a failed module for a
#   good one from the second use on.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > evaluate() 1: rejected: boom
# > evaluate() 2: resolved with undefined
# > evaluate() 3: resolved with undefined
# > before: 1
# > after: ReferenceError: after is not defined

set -eu
script=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' INT TERM
cd "$folder"
npm install --silent --no-audit --no-fund node@26.10.0 isolated-vm@7.0.1 >&2 || exit 2

cat >probe.mjs <<'END'
import ivm from "isolated-vm";

const isolate = new ivm.Isolate();
const context = await isolate.createContext();

const module = await isolate.compileModule("export let before = 1; if (before) throw new Error('boom'); export const after = 2;");
await module.instantiate(context, () => {});
for (let i = 1; i <= 3; i++) {
  console.log(`evaluate() ${i}:`, await module.evaluate().then((value) => `resolved with ${value}`, (error) => `rejected: ${error.message}`));
}
console.log("before:", await module.namespace.get("before"));
console.log("after:", await module.namespace.get("after").catch((error) => `${error.name}: ${error.message}`));
END

node_modules/.bin/node --no-node-snapshot probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
