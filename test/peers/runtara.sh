#!/usr/bin/env bash
# Builds a program on the published Runtara SDKs (HTTP), once: ~/.cache/narun/peers/runtara-1.6.4.
set -euo pipefail
program="${XDG_CACHE_HOME:-$HOME/.cache}/narun/peers/runtara-1.6.4"
[ -x "$program" ] && exit 0
command -v cargo >/dev/null || { echo "cargo is missing: the tests with Runtara's SDKs are skipped"; exit 0; }
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
mkdir -p "$(dirname "$program")"
cp -r "$(dirname "$0")/runtara/." "$folder"
cd "$folder"
timeout 600 nice -n 10 cargo build --release -j 2 && mv target/release/runtara-peer "$program"
