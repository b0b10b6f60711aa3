#!/bin/sh
# Packages: node 26.10.0, @grpc/grpc-js 1.14.7
# Guess: a unary call that ends with status OK and no message is an INTERNAL error at the client, or an empty
#   message.
# Behaviour: the client's callback gets UNIMPLEMENTED (12) "No message received", while its status event says
#   OK (0).
# Consequence: UNIMPLEMENTED is what clients take for "this server is too old for the method" and fall back
#   from; here the method exists and its handler called back with code 0.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > callback: UNIMPLEMENTED No message received undefined
# > status event: OK

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

const { client, close } = await connect((_, answer) => answer({ code: grpc.status.OK, details: "" }));
await new Promise((resolve) => {
  const call = client.Call(Buffer.from("x"), (error, value) => {
    console.log("callback:", error && grpc.status[error.code], error?.details, value);
    setImmediate(resolve);
  });
  call.on("status", ({ code }) => console.log("status event:", grpc.status[code]));
});
close();
END

node_modules/.bin/node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
