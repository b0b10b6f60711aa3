#!/bin/sh
# Packages: node 26.10.0, @restatedev/restate-server 1.7.12, @restatedev/restate-sdk 1.17.2
# Guess: a virtual object's handler that throws a TerminalError leaves the state as it was before the call, as
#   a transaction does.
# Behaviour: each set() before the throw stays, though the caller is told that the call failed.
# Consequence: validate first and set last: a retry of the failed call by its caller applies the first half
#   twice.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > add 60: 200 60
# > add 60: 500 {"code":500,"message":"over the limit","source":"invocation"}
# > read: 200 120

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

const account = restate.object({
  name: "Account",
  handlers: {
    add: async (context, amount) => {
      const sum = ((await context.get("sum")) ?? 0) + amount;
      context.set("sum", sum);
      if (sum > 100) throw new restate.TerminalError("over the limit");
      return sum;
    },
    read: restate.handlers.object.shared((context) => context.get("sum")),
  },
});
await serve(account);
console.log("add 60:", await call("/Account/a/add", "60"));
console.log("add 60:", await call("/Account/a/add", "60"));
console.log("read:", await call("/Account/a/read"));

process.exit();
END

node_modules/.bin/node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
