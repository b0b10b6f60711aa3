#!/bin/sh
# Packages: protobufjs 7.6.6
# Guess: verify() reports what a field cannot hold, and encode() of what passed it keeps the value.
# Behaviour: verify() passes any whole number for any integer type: 2^32+1 in a uint32 is sent as 1, 2^31 in
#   an int32 as -2^31, -1 in a uint32 as 2^32-1.
# Consequence: a value that is out of range changes on the wire without an error anywhere, even where verify()
#   is called before encode() as documented.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > {"u":4294967297} verify: null decoded: {"u":1}
# > {"u":-1} verify: null decoded: {"u":4294967295}
# > {"i":2147483648} verify: null decoded: {"i":-2147483648}

set -eu
script=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' INT TERM
cd "$folder"
npm install --silent --no-audit --no-fund protobufjs@7.6.6 >&2 || exit 2

cat >probe.mjs <<'END'
import protobuf from "protobufjs";

const M = protobuf.parse(`syntax = "proto3"; message M { uint32 u = 1; int32 i = 2; }`).root.lookupType("M");
for (const fields of [{ u: 2 ** 32 + 1 }, { u: -1 }, { i: 2 ** 31 }]) {
  const decoded = M.decode(M.encode(M.create(fields)).finish());
  console.log(JSON.stringify(fields), "verify:", M.verify(fields), "decoded:", JSON.stringify(decoded));
}
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
