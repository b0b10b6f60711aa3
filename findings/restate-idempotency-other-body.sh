#!/bin/sh
# Packages: node 26.10.0, @restatedev/restate-server 1.7.12, @restatedev/restate-sdk 1.17.2
# Guess: an idempotency-key that is used again with another body is refused (as 409 or 422), or counts as a
#   new call.
# Behaviour: the answer of the first call is given, with status 200, whatever the body; only the
#   idempotency-expires field tells that it is a repeat.
# Consequence: a key that is made from too little (a user's id, a date) answers a different question without a
#   sign of it.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > amount 10: 200 "charged 10"
# > amount 99, same key: 200 "charged 10"
# > amount 99, other key: 200 "charged 99"

set -eu
script=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' INT TERM
cd "$folder"
npm install --silent --no-audit --no-fund node@26.10.0 @restatedev/restate-server@1.7.12 @restatedev/restate-sdk@1.17.2 >&2 || exit 2
export RESTATE_LOGGING=ERROR

cat >probe.mjs <<'END'
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { writeFileSync } from "node:fs";
import * as restate from "@restatedev/restate-sdk";

const held = await Promise.all(Array.from({ length: 4 }, async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}));
const [ingress, admin, node, service] = held.map((server) => server.address().port);
for (const server of held) server.close();
writeFileSync("restate.toml", `base-dir = "./data"
bind-port = ${node}
default-num-partitions = 1
[ingress]
bind-address = "127.0.0.1:${ingress}"
[admin]
bind-address = "127.0.0.1:${admin}"
`);
const server = spawn("node_modules/.bin/restate-server", ["--no-logo", "-c", "restate.toml"], { stdio: "ignore", detached: true });
process.on("exit", () => process.kill(-server.pid, "SIGKILL"));

async function serve(...services) {
  await restate.serve({ services, port: service });
  for (let tries = 0; tries < 600; tries++) {
    const registered = await fetch(`http://127.0.0.1:${admin}/deployments`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ uri: `http://127.0.0.1:${service}` }),
    }).catch(() => undefined);
    if (registered?.ok) return;
    await sleep(100);
  }
  throw new Error("restate-server does not start");
}
async function call(path, body, headers = {}) {
  const answer = await fetch(`http://127.0.0.1:${ingress}${path}`, {
    method: "POST",
    headers: body === undefined ? headers : { "content-type": "application/json", ...headers },
    body,
    signal: AbortSignal.timeout(30_000),
  });
  return `${answer.status} ${await answer.text()}`;
}

await serve(restate.service({ name: "Pay", handlers: { charge: async (_, input) => `charged ${input.amount}` } }));
const key = { "idempotency-key": "order-1" };
console.log("amount 10:", await call("/Pay/charge", '{"amount":10}', key));
console.log("amount 99, same key:", await call("/Pay/charge", '{"amount":99}', key));
console.log("amount 99, other key:", await call("/Pay/charge", '{"amount":99}', { "idempotency-key": "order-2" }));

process.exit();
END

node_modules/.bin/node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
