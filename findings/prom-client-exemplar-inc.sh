#!/bin/sh
# Packages: prom-client 15.1.3
# Guess: enableExemplars only adds a way to give exemplars; inc(5) and inc(labels, 5) still add 5.
# Behaviour: with enableExemplars: true the methods take one object: inc(5) and inc({ l: "x" }, 5) add 1, the
#   labels are dropped, nothing throws; a histogram's observe(5) throws "not a valid number: undefined".
# Consequence: switching exemplars on silently turns byte counters into call counters, without labels.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > observe(5): Value is not a valid number: undefined
# > bytes {} 2
# > bytes {"l":"x"} 5

set -eu
script=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' INT TERM
cd "$folder"
npm install --silent --no-audit --no-fund prom-client@15.1.3 >&2 || exit 2

cat >probe.mjs <<'END'
import prom from "prom-client";

const registry = new prom.Registry(prom.Registry.OPENMETRICS_CONTENT_TYPE);
const make = (Kind, name) =>
  new Kind({ name, help: "h", labelNames: ["l"], registers: [registry], enableExemplars: true });
const bytes = make(prom.Counter, "bytes");
bytes.inc(5);
bytes.inc({ l: "x" }, 5);
bytes.inc({ labels: { l: "x" }, value: 5, exemplarLabels: {} });
const sizes = make(prom.Histogram, "sizes");
try {
  sizes.observe(5);
} catch (error) {
  console.log("observe(5):", error.message.trim());
}
for (const { labels, value } of (await bytes.get()).values) console.log("bytes", JSON.stringify(labels), value);
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
