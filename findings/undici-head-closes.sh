#!/bin/sh
# Packages: node 26.10.0, undici 8.12.4
# Guess: HEAD requests use kept connections like GET does.
# Behaviour: each HEAD is sent with "connection: close" and its connection is given up, in request() and
#   fetch() alike; the next request opens a new one.
# Consequence: health checks and existence checks by HEAD pay a connection (with TLS a handshake) each and cut
#   the keep-alive of the pool they share.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > 5 GET by request(): 1 connections, "connection: keep-alive"
# > 5 GET by fetch(): 1 connections, "connection: keep-alive"
# > 5 HEAD by request(): 5 connections, "connection: close"
# > 5 HEAD by fetch(): 5 connections, "connection: close"

set -eu
script=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' INT TERM
cd "$folder"
npm install --silent --no-audit --no-fund node@26.10.0 undici@8.12.4 >&2 || exit 2

cat >probe.mjs <<'END'
import { createServer } from "node:http";
import { once } from "node:events";
import { Agent, fetch, request } from "undici";

let connections = 0;
const server = createServer((incoming, outgoing) => {
  outgoing.end(incoming.method === "HEAD" ? undefined : "x");
  last = incoming.headers.connection;
});
let last;
server.on("connection", () => connections++);
await once(server.listen(0, "127.0.0.1"), "listening");
const url = `http://127.0.0.1:${server.address().port}/`;

for (const method of ["GET", "HEAD"]) {
  for (const [name, send] of [
    ["request()", async (dispatcher) => (await request(url, { method, dispatcher })).body.dump()],
    ["fetch()", async (dispatcher) => (await fetch(url, { method, dispatcher })).text()],
  ]) {
    const dispatcher = new Agent({ connections: 1 });
    connections = 0;
    for (let i = 0; i < 5; i++) await send(dispatcher);
    console.log(`5 ${method} by ${name}: ${connections} connections, "connection: ${last}"`);
    await dispatcher.close();
  }
}
server.close();
END

node_modules/.bin/node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
