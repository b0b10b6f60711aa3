#!/bin/sh
# Packages: protobufjs 7.6.6
# Guess: fromObject() with an enum name that the schema does not know throws, or sets some value that marks
#   it.
# Behaviour: it leaves the field out: the message is encoded with the enum's zero value; an unknown number is
#   kept by fromObject() and decode(), but refused by verify() after it.
# Consequence: JSON from a newer peer turns into the zero state of the enum (often UNSPECIFIED, sometimes a
#   real state) with no error.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > name STOPPED: {"state":"STOPPED"} verify: null
# > name PAUSED: {"state":"RUNNING"} verify: null
# > number 2: {"state":2} verify: state: enum value expected

set -eu
script=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' INT TERM
cd "$folder"
npm install --silent --no-audit --no-fund protobufjs@7.6.6 >&2 || exit 2

cat >probe.mjs <<'END'
import protobuf from "protobufjs";

const M = protobuf.parse(
  `syntax = "proto3"; enum State { RUNNING = 0; STOPPED = 1; } message M { State state = 1; }`,
).root.lookupType("M");
const say = (text, message) => {
  const decoded = M.toObject(M.decode(M.encode(message).finish()), { enums: String, defaults: true });
  console.log(text, JSON.stringify(decoded), "verify:", M.verify(M.decode(M.encode(message).finish())));
};
say("name STOPPED:", M.fromObject({ state: "STOPPED" }));
say("name PAUSED:", M.fromObject({ state: "PAUSED" }));
say("number 2:", M.fromObject({ state: 2 }));
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
