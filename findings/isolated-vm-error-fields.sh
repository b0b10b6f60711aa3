#!/bin/sh
# Packages: node 26.10.0, isolated-vm 7.0.1
# Guess: an error that is thrown out of an isolate keeps its cause, and an AggregateError its errors, as a
#   copied result keeps the cause.
# Behaviour: by a throw or a rejection only name, message and stack arrive: cause, errors and code are
#   undefined; the same error returned as a copied value keeps cause.
# Consequence: Promise.any failures arrive as "All promises were rejected" with no reason at all; what matters
#   must be put into the message or be copied by hand.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > throw: ["RangeError","outer","no code","no cause","no errors"]
# > copy: ["RangeError","outer","no code","inner","no errors"]
# > any: ["AggregateError","All promises were rejected","no code","no cause","no errors"]
# > structuredClone: ["RangeError","outer","no code","inner","no errors"]

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

const show = (error) =>
  JSON.stringify([error.name, error.message, error.code ?? "no code", error.cause?.message ?? "no cause", error.errors?.length ?? "no errors"]);
const sources = {
  throw: "throw Object.assign(new RangeError('outer', { cause: new Error('inner') }), { code: 'E_CODE' })",
  copy: "Object.assign(new RangeError('outer', { cause: new Error('inner') }), { code: 'E_CODE' })",
  any: "Promise.any([Promise.reject(new Error('first')), Promise.reject(new Error('second'))])",
};
for (const [name, source] of Object.entries(sources)) {
  console.log(`${name}:`, show(await context.eval(source, { copy: true, promise: true }).catch((error) => error)));
}
console.log("structuredClone:", show(structuredClone(new RangeError("outer", { cause: new Error("inner") }))));
END

node_modules/.bin/node --no-node-snapshot probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
