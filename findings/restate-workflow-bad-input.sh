#!/bin/sh
# Packages: node 26.10.0, @restatedev/restate-server 1.7.12, @restatedev/restate-sdk 1.17.2
# Guess: a body that is refused with status 400 as malformed JSON starts nothing; the corrected request may be
#   sent again.
# Behaviour: the ingress checks the content type only, the JSON is read by the invocation: for a workflow the
#   failed attempt is the run of that key, the corrected request gets 409 "already invoked".
# Consequence: one malformed request uses up a workflow id (an order, a user) until its retention ends: check
#   bodies before Restate, or purge the invocation.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > wrong content type: 400 {"code":400,"message":"input validation error: Content-type 'text/plain' does not match 'application/json'","source":"ingress"}
# > then corrected: 200 "done x"
# > malformed JSON: 400 {"code":400,"message":"Failed to deserialize input: E
# > then corrected: 409 {"code":409,"message":"the workflow method was already invoked","source":"invocation"}

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

await serve(restate.workflow({ name: "Order", handlers: { run: async (_, input) => `done ${input.item}` } }));
console.log("wrong content type:", await call("/Order/a/run", "{", { "content-type": "text/plain" }));
console.log("then corrected:", await call("/Order/a/run", '{"item":"x"}'));
console.log("malformed JSON:", (await call("/Order/b/run", "{")).slice(0, 57));
console.log("then corrected:", await call("/Order/b/run", '{"item":"x"}'));

process.exit();
END

node_modules/.bin/node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
