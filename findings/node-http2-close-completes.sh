#!/bin/sh
# Packages: node 26.10.0
# Guess: when a client cancels a request in mid-upload by stream.close(NGHTTP2_CANCEL), the server's read of the
#   body fails, as it does for request.destroy() over HTTP/1.1 and for an AbortSignal.
# Behaviour: close() first ends the stream: an empty DATA frame with END_STREAM goes out before RST_STREAM. The
#   server reads the cut body as a whole one, without an error or "aborted"; only a content-length tells.
# Consequence: a proxy that passes a cancel on by close() makes a cancelled upload a complete, shorter one at
#   its upstream: cancel by an AbortSignal, or declare the length.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > HTTP/1.1, destroy(): ECONNRESET, aborted true
# > HTTP/2, AbortSignal: ERR_STREAM_PREMATURE_CLOSE, aborted true
# > HTTP/2, close(NGHTTP2_CANCEL): whole, 5 bytes, aborted false
# > HTTP/2, close(NGHTTP2_CANCEL), content-length 9: ERR_STREAM_PREMATURE_CLOSE, aborted true
# > frames of close(NGHTTP2_CANCEL): HEADERS, DATA of 5 bytes, DATA of 0 bytes with END_STREAM, RST_STREAM 8

set -eu
script=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' INT TERM
cd "$folder"
npm install --silent --no-audit --no-fund node@26.10.0 >&2 || exit 2

cat >probe.mjs <<'END'
import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import { createServer } from "node:net";
import { text } from "node:stream/consumers";

const listening = async (server) => (await once(server.listen(0, "127.0.0.1"), "listening"), server.address().port);
// Each server tells the client that its 5 bytes are there, then reads to the end of the upload.
const uploads = (seen) => async (incoming, outgoing) => {
  outgoing.stream?.on("error", () => {});
  const body = text(incoming).then(
    (read) => `whole, ${read.length} bytes, aborted ${incoming.aborted}`,
    (error) => `${error.code}, aborted ${incoming.aborted}`,
  );
  incoming.once("data", () => seen.arrived());
  seen.done(await body);
};
async function upload(name, create, send) {
  const seen = {};
  const arrived = new Promise((resolve) => (seen.arrived = resolve));
  const done = new Promise((resolve) => (seen.done = resolve));
  const server = create(uploads(seen));
  const cancel = send(await listening(server));
  await arrived;
  cancel();
  console.log(`${name}: ${await done}`);
  server.close();
}
const overHttp2 = (headers, cancel) => (port) => {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const controller = new AbortController();
  const stream = session.request({ ":method": "POST", ...headers }, { signal: controller.signal });
  stream.on("error", () => {}).on("close", () => session.close());
  stream.write("hello");
  return () => cancel(stream, controller);
};
const close = (stream) => stream.close(http2.constants.NGHTTP2_CANCEL);

await upload("HTTP/1.1, destroy()", http.createServer, (port) => {
  const request = http.request({ host: "127.0.0.1", port, method: "POST" }).on("error", () => {});
  request.write("hello");
  return () => request.destroy();
});
await upload("HTTP/2, AbortSignal", http2.createServer, overHttp2({}, (_, controller) => controller.abort()));
await upload("HTTP/2, close(NGHTTP2_CANCEL)", http2.createServer, overHttp2({}, close));
await upload("HTTP/2, close(NGHTTP2_CANCEL), content-length 9", http2.createServer, overHttp2({ "content-length": "9" }, close));

// The frames of the client, as a bare socket reads them: HEADERS 1, DATA 0, RST_STREAM 3.
const frames = [];
const bare = createServer((socket) => {
  let input = Buffer.alloc(0);
  let start = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".length;
  const head = 9;
  socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
  socket.on("error", () => {}).on("data", (chunk) => {
    input = Buffer.concat([input, chunk]);
    while (input.length >= start + head && input.length >= start + head + input.readUIntBE(start, 3)) {
      const length = input.readUIntBE(start, 3);
      const [type, flags] = [input[start + 3], input[start + 4]];
      if (type === 1) frames.push("HEADERS");
      if (type === 0) frames.push(`DATA of ${length} bytes${flags & 1 ? " with END_STREAM" : ""}`);
      if (type === 0 && length > 0) cancel();
      if (type === 3) frames.push(`RST_STREAM ${input.readUInt32BE(start + head)}`);
      if (type === 3) socket.destroy();
      start += head + length;
    }
  });
});
const cancel = overHttp2({}, close)(await listening(bare));
await once(bare, "connection");
bare.close();
await once(bare, "close");
console.log(`frames of close(NGHTTP2_CANCEL): ${frames.join(", ")}`);
END

node_modules/.bin/node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
