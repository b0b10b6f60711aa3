#!/bin/sh
# Packages: node 26.10.0, hono 4.13.19, @hono/node-server 2.1.8
# Guess: new Response("x", { status: 204 }) throws a TypeError, as the Fetch standard says and as Node's own
#   Response does.
# Behaviour: serve() of @hono/node-server replaces the global Response by a lazy one that does not check: the
#   204 goes out with "content-length: 1" and no body.
# Consequence: tests that call the app's fetch() fail where production answers; HTTP forbids content-length in
#   a 204, strict proxies and clients may wait for the byte.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > before serve(): TypeError
# > after serve(): made, status 204
# > HTTP/1.1 204 No Content | Content-Length: 1
# > bytes of body: 0

set -eu
script=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' INT TERM
cd "$folder"
npm install --silent --no-audit --no-fund node@26.10.0 hono@4.13.19 @hono/node-server@2.1.8 >&2 || exit 2

cat >probe.mjs <<'END'
import { once } from "node:events";
import { connect } from "node:net";
import { serve } from "@hono/node-server";

const fetch = () => new Response("x", { status: 204 });
const attempt = () => {
  try {
    return `made, status ${fetch().status}`;
  } catch (error) {
    return error.name;
  }
};
console.log("before serve():", attempt());
const server = serve({ fetch, port: 0, hostname: "127.0.0.1" });
console.log("after serve():", attempt());

await once(server, "listening");
const socket = connect(server.address().port, "127.0.0.1");
socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
let text = "";
for await (const chunk of socket) text += chunk;
const [head, body] = text.split("\r\n\r\n");
console.log(head.split("\r\n").filter((line) => /^HTTP|content-length/i.test(line)).join(" | "));
console.log("bytes of body:", body.length);
server.close();
END

node_modules/.bin/node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
