#!/bin/sh
# Packages: node 26.10.0, openssl (the command, 3 or newer)
# Guess: a certificate that the given CA has signed is trusted, whatever name it bears; self-signed is one whose
#   signature is its own key's.
# Behaviour: where its subject equals its issuer, and it does not name the key of its issuer, it counts as
#   self-signed, and is refused as DEPTH_ZERO_SELF_SIGNED_CERT. With the issuer's key named it is trusted.
# Consequence: a private CA and its first server that are both called after the network do not work together, and
#   the error points to a missing CA: give the CA a name of its own, or write authorityKeyIdentifier.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > another name than the CA's: trusted
# > the CA's name: DEPTH_ZERO_SELF_SIGNED_CERT
# > the CA's name, and its key named: trusted

set -eu
script=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' INT TERM
cd "$folder"
npm install --silent --no-audit --no-fund node@26.10.0 >&2 || exit 2

new_key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
openssl req -x509 $new_key -keyout ca.key -out ca.pem -subj "/CN=acme" -days 2 2>/dev/null || exit 2
# certify FILE SUBJECT KEY-IDENTIFIER
certify() {
  printf 'subjectAltName=DNS:localhost\nauthorityKeyIdentifier=%s\n' "$3" >"$1.ext"
  openssl req $new_key -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null || exit 2
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -out "$1.pem" -days 2 \
    -extfile "$1.ext" 2>/dev/null || exit 2
}
certify other /CN=server none
certify same /CN=acme none
certify named /CN=acme keyid

cat >probe.mjs <<'END'
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:tls";

async function attempt(name) {
  const server = createServer({ key: readFileSync(`${name}.key`), cert: readFileSync(`${name}.pem`) });
  server.on("tlsClientError", () => {});
  await once(server.listen(0, "127.0.0.1"), "listening");
  const options = { host: "127.0.0.1", servername: "localhost", ca: readFileSync("ca.pem") };
  const client = connect({ port: server.address().port, ...options });
  const seen = await once(client, "secureConnect").then(() => "trusted", (error) => error.code);
  client.destroy();
  server.close();
  return seen;
}
console.log("another name than the CA's:", await attempt("other"));
console.log("the CA's name:", await attempt("same"));
console.log("the CA's name, and its key named:", await attempt("named"));
END

node_modules/.bin/node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
