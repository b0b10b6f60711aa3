#!/bin/sh
# Packages: @bufbuild/protobuf 2.17.0
# Guess: fromBinary() makes a message that owns its data, as strings and numbers do.
# Behaviour: bytes fields and unknown fields are views of the input buffer: overwriting the input changes the
#   message, and a field of one byte keeps the whole input alive.
# Consequence: messages that are decoded from a reused or pooled buffer (sockets, gRPC frames) change after
#   the fact; caches of small fields hold large inputs: copy with slice().
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > decoded: type, secret, unknown
# > input overwritten: type, xxxxxx, xxxxxxx
# > bytes kept alive by the field of 6 bytes: 1000000

set -eu
script=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' INT TERM
cd "$folder"
npm install --silent --no-audit --no-fund @bufbuild/protobuf@2.17.0 >&2 || exit 2

cat >probe.mjs <<'END'
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";

const value = new TextEncoder().encode("secret");
const input = new Uint8Array(1_000_000);
const encoded = toBinary(AnySchema, create(AnySchema, { typeUrl: "type", value }));
// Field 15 is unknown to the schema: two bytes of tag and length, then "unknown".
const unknown = [0x7a, 7, ...new TextEncoder().encode("unknown")];
input.set(encoded);
input.set(unknown, encoded.length);
const message = fromBinary(AnySchema, input.subarray(0, encoded.length + unknown.length));
const text = (bytes) => new TextDecoder().decode(bytes);
const show = (when) =>
  console.log(`${when}: ${message.typeUrl}, ${text(message.value)}, ${text(message.$unknown[0].data.subarray(-7))}`);
show("decoded");
input.fill("x".charCodeAt(0));
show("input overwritten");
console.log("bytes kept alive by the field of", message.value.length, "bytes:", message.value.buffer.byteLength);
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
