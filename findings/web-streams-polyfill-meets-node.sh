#!/bin/sh
# Packages: node 26.10.0, web-streams-polyfill 4.3.0
# Guess: a stream of the polyfill, which follows the same standard, goes where Node takes a ReadableStream; or
#   nowhere.
# Behaviour: Response takes it as a body, pipeThrough() of a native transform and Readable.fromWeb() throw a
#   TypeError ("must be an instance of ReadableStream. Received an instance of ReadableStream");
#   ReadableStream.from() of either side is a bridge.
# Consequence: code that is tested with `new Response(stream)` breaks at the first compression or file: a
#   border between the two needs from() both ways.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > new Response(stream).text(): abc
# > stream.pipeThrough(native): TypeError: First parameter has member 'readable' that is not a ReadableStream.
# > Readable.fromWeb(stream): TypeError: The "readableStream" argument must be an instance of ReadableStream. Received an instance of ReadableStream
# > ReadableStream.from(stream).pipeThrough(native): abc

set -eu
script=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' INT TERM
cd "$folder"
npm install --silent --no-audit --no-fund node@26.10.0 web-streams-polyfill@4.3.0 >&2 || exit 2

cat >probe.mjs <<'END'
import { Readable } from "node:stream";
import * as polyfill from "web-streams-polyfill";

const make = () =>
  new polyfill.ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode("abc"));
      controller.close();
    },
  });
const text = async (stream) => (await Array.fromAsync(stream)).join("");
const ways = {
  "new Response(stream).text()": () => new Response(make()).text(),
  "stream.pipeThrough(native)": () => text(make().pipeThrough(new TextDecoderStream())),
  "Readable.fromWeb(stream)": () => text(Readable.fromWeb(make())),
  "ReadableStream.from(stream).pipeThrough(native)": () =>
    text(ReadableStream.from(make()).pipeThrough(new TextDecoderStream())),
};
for (const [name, way] of Object.entries(ways)) {
  try {
    console.log(`${name}:`, await way());
  } catch (error) {
    console.log(`${name}: ${error.name}: ${error.message}`);
  }
}
END

node_modules/.bin/node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
