#!/bin/sh
# Packages: node 26.10.0
# Guess: stream.close() of a server, which means NO_ERROR, ends the stream after what was sent before it: an
#   answer of headers only arrives like an answer with a body.
# Behaviour: respond() with endStream, or with a status that has no body, followed by close() in the same turn,
#   sends no headers: the client sees "end" with code 0, without "response" and without "error". An answer
#   that was ended by end() arrives.
# Consequence: a handler that answers 204, or refuses by headers, and then closes the stream loses the answer;
#   a client that waits for "response" or "error" waits in vain. Close in a later turn.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > respond(200), end("x"), close(): response 200, end, code 0
# > respond(403, endStream), close(): end, code 0
# > respond(403, endStream), close() in setImmediate: response 403, end, code 0
# > respond(204), close(): end, code 0

set -eu
script=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' INT TERM
cd "$folder"
npm install --silent --no-audit --no-fund node@26.10.0 >&2 || exit 2

cat >probe.mjs <<'END'
import { once } from "node:events";
import http2 from "node:http2";

const answers = {
  "respond(200), end(\"x\"), close()": (stream) => {
    stream.respond({ ":status": 200 });
    stream.end("x");
    stream.close();
  },
  "respond(403, endStream), close()": (stream) => {
    stream.respond({ ":status": 403 }, { endStream: true });
    stream.close();
  },
  "respond(403, endStream), close() in setImmediate": (stream) => {
    stream.respond({ ":status": 403 }, { endStream: true });
    setImmediate(() => stream.close());
  },
  "respond(204), close()": (stream) => {
    stream.respond({ ":status": 204 });
    stream.close();
  },
};
const server = http2.createServer();
server.on("stream", (stream, headers) => answers[decodeURI(headers[":path"].slice(1))](stream));
await once(server.listen(0, "127.0.0.1"), "listening");
for (const name of Object.keys(answers)) {
  const session = http2.connect(`http://127.0.0.1:${server.address().port}`);
  const stream = session.request({ ":path": encodeURI(`/${name}`) });
  const events = [];
  stream.on("response", (headers) => events.push(`response ${headers[":status"]}`));
  for (const event of ["end", "aborted", "error"]) stream.on(event, () => events.push(event));
  stream.resume();
  await once(stream, "close");
  console.log(`${name}: ${events.join(", ")}, code ${stream.rstCode}`);
  session.close();
}
server.close();
END

node_modules/.bin/node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
