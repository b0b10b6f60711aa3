#!/usr/bin/env bash
# Builds a program on the published Runtara SDK 1.4.1 (QUIC), once: ~/.cache/narun/peers/runtara-quic-1.4.1. It needs protoc.
set -euo pipefail
program="${XDG_CACHE_HOME:-$HOME/.cache}/narun/peers/runtara-quic-1.4.1"
[ -x "$program" ] && exit 0
for tool in cargo protoc; do
  command -v "$tool" >/dev/null || { echo "$tool is missing: the test with Runtara's SDK 1.4 is skipped"; exit 0; }
done
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
mkdir -p "$(dirname "$program")"
cp -r "$(dirname "$0")/runtara-quic/." "$folder"
cd "$folder"
timeout 900 nice -n 10 cargo build --release -j 2 && mv target/release/runtara-quic-peer "$program"
