#!/bin/sh
# Packages: node 26.10.0, isolated-vm 7.0.1
# Guess: copying out an object with a getter reads the getter, as structuredClone does, or fails with an Error
#   that names it.
# Behaviour: it rejects (and evalSync throws) with the plain string "illegal access", not an Error, wherever
#   the getter sits in the value.
# Consequence: error handlers that read .message or .stack report undefined; any class with an own accessor or
#   a lazy property in a result fails this way.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > ({ a: 1 }) -> {"a":1}
# > ({ get a() { return 1; } }) -> rejected with a string: illegal access
# > [{ deep: { get a() { return 1; } } }] -> rejected with a string: illegal access
# > structuredClone: {"a":1}

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

for (const source of ["({ a: 1 })", "({ get a() { return 1; } })", "[{ deep: { get a() { return 1; } } }]"]) {
  const outcome = await context.eval(source, { copy: true }).then(
    (value) => JSON.stringify(value),
    (error) => `rejected with a ${typeof error}: ${error}`,
  );
  console.log(source, "->", outcome);
}
console.log("structuredClone:", JSON.stringify(structuredClone({ get a() { return 1; } })));
END

node_modules/.bin/node --no-node-snapshot probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
