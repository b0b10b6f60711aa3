#!/bin/sh
# Packages: deno 2.9.6 (npm)
# Guess: abort() of the writer of a QUIC stream resets it, as RFC 9000 (3.1) has it: the reader at the other side gets
#   an error, and cannot take the part that came for the whole.
# Behaviour: the reader gets an orderly end after the bytes that were written, as after close().
# Consequence: a protocol over these streams needs a length, or a mark of its end, in its own messages.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > aborted: end after 5 bytes
# > closed: end after 7 bytes

set -eu
script=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' INT TERM
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts deno@2.9.6 >&2 || exit 2
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
  -subj /CN=localhost -addext subjectAltName=DNS:localhost -addext basicConstraints=CA:FALSE 2>/dev/null || exit 2
deno=$(find node_modules/@deno -name deno -type f | head -n 1)
[ -n "$deno" ] || exit 2

cat >probe.js <<'END'
const [cert, key] = ["cert.pem", "key.pem"].map((file) => Deno.readTextFileSync(file));
const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
const listener = endpoint.listen({ cert, key, alpnProtocols: ["x"] });
const ends = [Promise.withResolvers(), Promise.withResolvers()];
(async () => {
  const connection = await (await listener.incoming()).accept();
  let at = 0;
  for await (const { readable } of connection.incomingBidirectionalStreams) {
    const end = ends[at++];
    let bytes = 0;
    try {
      for await (const chunk of readable) bytes += chunk.length;
      end.resolve(`end after ${bytes} bytes`);
    } catch {
      end.resolve(`error after ${bytes} bytes`);
    }
  }
})().catch(() => undefined);
const { port } = endpoint.addr;
const client = await Deno.connectQuic({ hostname: "localhost", port, alpnProtocols: ["x"], caCerts: [cert] });
const writerOf = async () => (await client.createBidirectionalStream()).writable.getWriter();
const aborted = await writerOf();
await aborted.write(new Uint8Array(5));
await aborted.abort(new Error("broken off"));
console.log("aborted:", await ends[0].promise);
const closed = await writerOf();
await closed.write(new Uint8Array(7));
await closed.close();
console.log("closed:", await ends[1].promise);
Deno.exit(0);
END
"$deno" run --quiet --no-prompt --unstable-net --allow-net --allow-read=cert.pem,key.pem probe.js >out.txt 2>err.txt || { cat err.txt >&2; exit 2; }

cat out.txt
sed -n 's/^# > //p' "$script" | diff - out.txt >/dev/null || { echo "the behaviour changed" >&2; exit 1; }
