#!/bin/sh
# Package: @nats-io/transport-node 3.4.0
# Guess: a credentials text works with or without a line end after its last line, as other text files do.
# Behaviour: credsAuthenticator() takes a text that ends in a line end, and refuses the same text without it as
#   "unable to parse credentials". A second line end does no harm.
# Consequence: `NATS_CREDS="$(cat user.creds)"` fails, since a shell takes the last line end away, and the message
#   does not tell why: add a line end before the text goes to the library.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > with a line end: taken
# > with two line ends: taken
# > without: unable to parse credentials

set -eu
script=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' INT TERM
cd "$folder"
npm install --silent --no-audit --no-fund @nats-io/transport-node@3.4.0 >&2 || exit 2

cat >probe.mjs <<'END'
import { credsAuthenticator, nkeys } from "@nats-io/transport-node";

const seed = new TextDecoder().decode(nkeys.createUser().getSeed());
const block = (name, text) => `-----BEGIN ${name}-----\n${text}\n------END ${name}------`;
const creds = `${block("NATS USER JWT", "e30.e30.c2ln")}\n\n${block("USER NKEY SEED", seed)}`;
const attempt = (text) => {
  try {
    credsAuthenticator(new TextEncoder().encode(text))("nonce");
    return "taken";
  } catch (error) {
    return error.message;
  }
};
console.log(`with a line end: ${attempt(`${creds}\n`)}`);
console.log(`with two line ends: ${attempt(`${creds}\n\n`)}`);
console.log(`without: ${attempt(creds)}`);
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
