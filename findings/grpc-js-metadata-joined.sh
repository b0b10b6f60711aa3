#!/bin/sh
# Packages: node 26.10.0, @grpc/grpc-js 1.14.7
# Guess: two values that were added under one metadata key arrive as two values, as Metadata.get() returns a
#   list.
# Behaviour: over the wire they become one string joined by ", "; -bin values stay apart. A value with a comma
#   cannot be told from two.
# Consequence: code that works against a local Metadata object gets one odd value from a peer; lists belong in
#   -bin keys or under keys of their own.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > local: [["a","b"],["a","b"]]
# > request at the server: [["a, b"],["a","b"]]
# > initial metadata at the client: [["a, b"],["a","b"]]
# > trailers at the client: [["a, b"],["a","b"]]

set -eu
script=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' INT TERM
cd "$folder"
npm install --silent --no-audit --no-fund node@26.10.0 @grpc/grpc-js@1.14.7 >&2 || exit 2

cat >probe.mjs <<'END'
import grpc from "@grpc/grpc-js";

const same = (bytes) => bytes;
const method = {
  path: "/demo.Demo/Call",
  requestStream: false,
  responseStream: false,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
};
async function connect(Call) {
  const server = new grpc.Server();
  server.addService({ Call: method }, { Call });
  const credentials = grpc.ServerCredentials.createInsecure();
  const port = await new Promise((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? reject(error) : resolve(bound))),
  );
  const Client = grpc.makeGenericClientConstructor({ Call: method }, "Demo");
  const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  return { client, close: () => (client.close(), server.forceShutdown()) };
}

const values = (metadata) => JSON.stringify([metadata.get("k"), metadata.get("k-bin").map((value) => value.toString())]);
function twice() {
  const metadata = new grpc.Metadata();
  for (const value of ["a", "b"]) {
    metadata.add("k", value);
    metadata.add("k-bin", Buffer.from(value));
  }
  return metadata;
}
console.log("local:", values(twice()));
const { client, close } = await connect((call, answer) => {
  console.log("request at the server:", values(call.metadata));
  call.sendMetadata(twice());
  answer(null, Buffer.from("x"), twice());
});
await new Promise((resolve) => {
  const call = client.Call(Buffer.from("x"), twice(), () => setImmediate(resolve));
  call.on("metadata", (metadata) => console.log("initial metadata at the client:", values(metadata)));
  call.on("status", ({ metadata }) => console.log("trailers at the client:", values(metadata)));
});
close();
END

node_modules/.bin/node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
